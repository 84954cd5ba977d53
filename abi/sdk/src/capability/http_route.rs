//! `http-route/1`: see [`loader_contract::http_route`].

use crate::{Call, Error, Metadata, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::http_route::CONTRACT;
use loader_contract::http_route::{METHOD, PATH, QUERY, STATUS, method};
use serde::{Serialize, de::DeserializeOwned};
use std::future::Future;

/// A plugin that answers HTTP requests below its prefix.
///
/// ```no_run
#[doc = include_str!("../../examples/http_route.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/http_route.toml")]
/// ```
pub trait HttpRoute: Plugin {
    /// Answers one request. An error becomes a 5xx or 4xx by its class.
    fn handle(
        &self,
        call: Call,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpResponse>> + Send;
}

/// One HTTP request.
#[derive(Debug)]
pub struct HttpRequest {
    metadata: Metadata,
    body: Vec<u8>,
}

impl HttpRequest {
    /// `GET`, `POST`, …
    pub fn method(&self) -> &str {
        self.metadata.get_text(METHOD).unwrap_or("GET")
    }

    /// The canonical path below the plugin's prefix; begins with `/`.
    pub fn path(&self) -> &str {
        self.metadata.get_text(PATH).unwrap_or("/")
    }

    /// The raw query.
    pub fn query(&self) -> Option<&str> {
        self.metadata.get_text(QUERY)
    }

    /// A header by its lower-case name, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.metadata.get_text(name).filter(|_| !name.starts_with(':'))
    }

    /// The body, at most 1 MiB.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, owned.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Reads the body as JSON; an error is the client's (400).
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::invalid("invalid_json", format!("the body is not JSON: {error}"))
        })
    }
}

/// One HTTP response.
#[derive(Debug)]
pub struct HttpResponse {
    metadata: Metadata,
    body: Vec<u8>,
}

impl HttpResponse {
    /// A response without a body.
    pub fn new(status: u16) -> Self {
        let metadata = match status {
            200 => Metadata::new(),
            status => Metadata::new().with(STATUS, status.to_string()),
        };
        Self { metadata, body: Vec::new() }
    }

    /// 200 with plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(200).header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// 200 with JSON.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(value)?;
        Ok(Self::new(200).header("content-type", "application/json").body(body))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.metadata.push(name, value);
        self
    }

    /// Sets the body, at most 1 MiB.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl<P: HttpRoute> Registration<P> {
    /// Provides `http-route/1` under this id.
    #[must_use]
    pub fn http_route(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| match name {
                method::HANDLE => {
                    Some(invocation.answer_raw(move |call, metadata, body| async move {
                        let response = plugin.handle(call, HttpRequest { metadata, body }).await?;
                        Ok((response.metadata, response.body))
                    }))
                }
                _ => None,
            },
            open: |_, _, _, _| None,
        })
    }
}

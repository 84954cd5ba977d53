//! `http-client/1`: HTTP with TLS, done by the host.

use crate::{Error, Host, Metadata, Receiver, Result, Sender};
use loader_contract::service::http_client::{METHOD, SERVICE, STATUS, TIMEOUT_MS, URL, method};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// HTTP done by the host; from [`Host::http`].
#[derive(Clone)]
pub struct HttpClient {
    host: Host,
}

impl HttpClient {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// A GET request.
    pub fn get(&self, url: impl AsRef<str>) -> Request {
        self.request("GET", url)
    }

    /// A POST request.
    pub fn post(&self, url: impl AsRef<str>) -> Request {
        self.request("POST", url)
    }

    /// A request of any method.
    pub fn request(&self, name: &str, url: impl AsRef<str>) -> Request {
        let metadata = Metadata::new().with(METHOD, name).with(URL, url.as_ref());
        Request { host: self.host.clone(), metadata, body: Vec::new() }
    }
}

/// A request being put together.
pub struct Request {
    host: Host,
    metadata: Metadata,
    body: Vec<u8>,
}

impl Request {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.metadata.push(name, value);
        self
    }

    /// Gives up when the response's head does not come in time.
    #[must_use]
    pub fn timeout(self, after: Duration) -> Self {
        self.header(TIMEOUT_MS, after.as_millis().to_string())
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body.
    pub fn json(self, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sends it and takes the whole response, at most 1 MiB. Any status is an answer.
    pub async fn send(self) -> Result<Response> {
        let operation = format!("{SERVICE}/{}", method::FETCH);
        let answer = self.host.call(&operation, self.metadata, self.body).await?;
        Ok(Response {
            status: status_of(&answer.metadata)?,
            headers: answer.metadata,
            body: answer.body,
        })
    }

    /// Sends it and takes the response piece by piece.
    pub async fn stream(self) -> Result<StreamingResponse> {
        let operation = format!("{SERVICE}/{}", method::STREAM);
        let (head, stream) = self.host.open(&operation, self.metadata, self.body).await?;
        Ok(StreamingResponse {
            status: status_of(&head.metadata)?,
            headers: head.metadata,
            receiver: stream.receiver,
            _sender: stream.sender,
        })
    }
}

fn status_of(metadata: &Metadata) -> Result<u16> {
    let status = metadata.get_text(STATUS).and_then(|status| status.parse().ok());
    status.ok_or_else(|| Error::unavailable("LDR-HTTP-BROKEN", "the response has no status"))
}

/// A whole response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    headers: Metadata,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A header by its lower-case name, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get_text(name)
    }

    /// Reads the body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// A response that comes piece by piece. Dropping it cancels the request.
pub struct StreamingResponse {
    /// The status code.
    pub status: u16,
    headers: Metadata,
    receiver: Receiver,
    _sender: Sender,
}

impl StreamingResponse {
    /// A header by its lower-case name, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get_text(name)
    }

    /// The next piece of the body; `None` at its end.
    pub async fn next(&self) -> Result<Option<Vec<u8>>> {
        self.receiver.data().await
    }

    /// The rest of the body, at most `limit` bytes.
    pub async fn collect(&self, limit: usize) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(piece) = self.next().await? {
            if body.len() + piece.len() > limit {
                return Err(Error::unavailable(
                    "LDR-HTTP-TOO-LARGE",
                    format!("the response is larger than {limit} bytes"),
                ));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

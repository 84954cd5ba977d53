//! A request as a plugin writes it, checked.

use crate::{
    message::{Failure, Metadata},
    service::ServiceRequest,
};
use loader_abi::class;
use loader_contract::service::http_client::{METHOD, TIMEOUT_MS, URL, code};
use reqwest::{
    Method, Request, Url,
    header::{HeaderName, HeaderValue},
};
use std::time::Duration;

/// Headers about one connection, which is the host's; they are neither taken nor handed on.
pub(super) const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request that may be sent.
pub(super) struct Outbound {
    pub(super) request: Request,
    /// Scheme, host and port.
    pub(super) origin: String,
    /// How long to wait for the response's head.
    pub(super) timeout: Option<Duration>,
}

impl Outbound {
    pub(super) fn read(request: ServiceRequest) -> Result<Self, Failure> {
        let metadata = request.metadata;
        let url = url(&metadata)?;
        let origin = url.origin().ascii_serialization();
        let mut outbound = Request::new(method(&metadata)?, url);
        for (name, value) in metadata.iter() {
            // Keys with a colon are this service's, and `ldr-` is reserved for the host.
            if matches!(name, METHOD | URL | TIMEOUT_MS) || name.starts_with("ldr-") {
                continue;
            }
            let (name, value) = header(name, value)?;
            outbound.headers_mut().append(name, value);
        }
        if !request.body.is_empty() {
            *outbound.body_mut() = Some(request.body.into());
        }
        Ok(Self { request: outbound, origin, timeout: timeout(&metadata)? })
    }
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(class::INVALID, code::INVALID_REQUEST, message)
}

fn url(metadata: &Metadata) -> Result<Url, Failure> {
    let text =
        metadata.get_text(URL).ok_or_else(|| invalid(format!("the request has no `{URL}`")))?;
    // The text itself may carry a key, so it is not quoted.
    let url = Url::parse(text).map_err(|error| {
        invalid(format!("the address makes no sense: {error}"))
            .hint("write it as https://host/path")
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(format!("`{}:` is neither http: nor https:", url.scheme())));
    }
    Ok(url)
}

fn method(metadata: &Metadata) -> Result<Method, Failure> {
    let Some(name) = metadata.get(METHOD) else { return Ok(Method::GET) };
    match Method::from_bytes(name) {
        // A tunnel is a connection: that is what `net/1` is for.
        Ok(Method::CONNECT) | Err(_) => {
            Err(invalid(format!("`{}` is not a method", name.escape_ascii())))
        }
        Ok(method) => Ok(method),
    }
}

fn timeout(metadata: &Metadata) -> Result<Option<Duration>, Failure> {
    if metadata.get(TIMEOUT_MS).is_none() {
        return Ok(None);
    }
    let milliseconds = metadata.get_text(TIMEOUT_MS).and_then(|text| text.parse().ok());
    match milliseconds {
        Some(milliseconds) => Ok(Some(Duration::from_millis(milliseconds))),
        None => Err(invalid(format!("`{TIMEOUT_MS}` is not a number of milliseconds"))),
    }
}

/// Checks a header. Values are never quoted: they carry keys.
fn header(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), Failure> {
    let shown = name.escape_debug();
    if HOP_BY_HOP.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(invalid(format!(
            "the header `{shown}` is about the connection, which is the host's"
        ))
        .hint("leave it out"));
    }
    if name.eq_ignore_ascii_case("content-length") {
        return Err(
            invalid("the host says the length of the body").hint("leave out `content-length`")
        );
    }
    let valid = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid(format!("`{shown}` is not the name of a header")))?;
    let mut value = HeaderValue::from_bytes(value).map_err(|_| {
        invalid(format!(
            "the value of the header `{shown}` has a character that no header may have"
        ))
    })?;
    // Keeps the value out of whatever the client may write to its log.
    value.set_sensitive(true);
    Ok((valid, value))
}

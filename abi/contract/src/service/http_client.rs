//! `http-client/1`: HTTP with TLS, done by the host so that no plugin carries a TLS stack.
//!
//! | method | verb | answer |
//! | --- | --- | --- |
//! | `fetch` | call | the whole response, at most 1 MiB |
//! | `stream` | open | the head, then the body as data messages |
//!
//! The request's metadata: [`METHOD`] (default `GET`), [`URL`], [`TIMEOUT_MS`] (until the response's
//! head; default the call's deadline), and any other key as a header; the call's body is the
//! request's body. The answer's metadata (the stream's head): [`STATUS`] and the response's headers.
//! A response of any status is an answer; errors mean that there was no response.

/// The service's name.
pub const SERVICE: &str = "http-client/1";

/// Methods.
pub mod method {
    /// The whole response.
    pub const FETCH: &str = "fetch";
    /// The response piece by piece.
    pub const STREAM: &str = "stream";
}

/// Error codes of this service.
pub mod code {
    /// The address or a header is malformed. Class invalid.
    pub const INVALID_REQUEST: &str = "LDR-HTTP-REQUEST";
    /// No connection, or none that TLS accepts. Class unavailable.
    pub const UNREACHABLE: &str = "LDR-HTTP-UNREACHABLE";
    /// The connection broke off. Class unavailable.
    pub const BROKEN: &str = "LDR-HTTP-BROKEN";
    /// The response is larger than a call's body may be: use `stream`. Class exhausted.
    pub const TOO_LARGE: &str = "LDR-HTTP-TOO-LARGE";
}

/// Metadata: the request's method.
pub const METHOD: &str = ":method";
/// Metadata: the request's absolute address.
pub const URL: &str = ":url";
/// Metadata: milliseconds to wait for the response's head.
pub const TIMEOUT_MS: &str = ":timeout-ms";
/// Metadata: the response's status code.
pub const STATUS: &str = ":status";

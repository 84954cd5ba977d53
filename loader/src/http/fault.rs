//! Errors as responses.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use loader_abi::class;
use loader_core::message::Failure;
use loader_gateway::openai::Complaint;
use tracing::{debug, warn};

/// A complaint, and a header that goes with it.
pub(super) struct Fault {
    complaint: Complaint,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The methods one of the gateway's own paths knows.
pub(super) enum Allowed {
    Get,
    Post,
}

impl From<Complaint> for Fault {
    fn from(complaint: Complaint) -> Self {
        Self { complaint, header: None }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Complaint::from(failure).into()
    }
}

impl Fault {
    /// Sends a header along.
    pub(super) fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// Nobody answers this path.
    pub(super) fn no_route(path: &str) -> Self {
        let message = format!("nobody answers `{}`", path.escape_debug());
        let failure = Failure::new(class::NOT_FOUND, "LDR-HTTP-NO-ROUTE", message)
            .hint("`loader plugins list` shows which plugins answer paths");
        Complaint::new(404, "no_route", failure).into()
    }

    /// The path is the gateway's own, but not with this method.
    pub(super) fn method(allowed: Allowed) -> Self {
        let methods = match allowed {
            Allowed::Get => "GET, HEAD",
            Allowed::Post => "POST",
        };
        let message = format!("this path answers only to {methods}");
        let failure = Failure::new(class::INVALID, "LDR-HTTP-METHOD", message);
        let fault = Self::from(Complaint::new(405, "method_not_allowed", failure));
        fault.with(ALLOW, HeaderValue::from_static(methods))
    }

    /// The response that tells of it.
    pub(super) fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.complaint.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let failure = self.complaint.failure();
        if status.is_server_error() {
            warn!(code = failure.code, origin = failure.origin, "{}", failure.message);
        } else {
            // What a client did wrong may quote what it sent, which does not belong in a log.
            debug!(code = failure.code, origin = failure.origin, "refused");
        }
        let mut response = json(status, self.complaint.to_json());
        let headers = response.headers_mut();
        if let Some(seconds) = self.complaint.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        headers.extend(self.header);
        response
    }
}

/// A response of JSON.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

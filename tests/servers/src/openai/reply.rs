//! A reply as data: a status and a script of steps, and the way to play it on a connection.
//!
//! Keeping misbehaviour as a list of steps makes each one readable in a line, and leaves one place
//! that has to notice that the client went away.

use std::io;
use std::time::Duration;
use std::vec;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use super::event_log::Exchange;

/// A response to be played.
pub(super) struct Reply {
    status: StatusCode,
    content_type: &'static str,
    retry_after: Option<Duration>,
    /// How long nothing at all is sent, not even the status.
    hold: Duration,
    steps: Vec<Step>,
}

/// One step of a response body.
#[derive(Clone)]
pub(super) enum Step {
    /// Send these bytes.
    Send(Bytes),
    /// Send nothing for a while.
    Wait(Duration),
    /// Break the connection off without ending the body.
    Cut,
}

impl Reply {
    /// A response of status 200 that sends one JSON text.
    pub(super) fn json(body: &Value) -> Self {
        Self::script("application/json", vec![Step::Send(body.to_string().into())])
    }

    /// A response of status 200 that plays `steps`.
    pub(super) fn script(content_type: &'static str, steps: Vec<Step>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type,
            retry_after: None,
            hold: Duration::ZERO,
            steps,
        }
    }

    /// An error with a body as OpenAI sends it.
    pub(super) fn error(status: StatusCode, message: &str, kind: &str, code: Option<&str>) -> Self {
        Self { status, ..Self::json(&error_body(message, kind, code)) }
    }

    /// Status 429 that asks the client to come back after a while.
    pub(super) fn rate_limited(retry_after: Duration) -> Self {
        let message = "Rate limit reached.";
        let error = Self::error(
            StatusCode::TOO_MANY_REQUESTS,
            message,
            "requests",
            Some("rate_limit_exceeded"),
        );
        Self { retry_after: Some(retry_after), ..error }
    }

    /// Status 404 for a model that the server does not have.
    pub(super) fn unknown_model(model: &str) -> Self {
        let message = format!("The model `{model}` does not exist.");
        let kind = "invalid_request_error";
        Self::error(StatusCode::NOT_FOUND, &message, kind, Some("model_not_found"))
    }

    /// The same reply after a silence of `hold`.
    pub(super) fn after(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// Plays the reply. Whoever drops the future, or the body it yields, has gone away.
    pub(super) async fn play(self, mut exchange: Exchange) -> Response {
        tokio::time::sleep(self.hold).await;
        exchange.begin(self.status);
        let body = stream::unfold((self.steps.into_iter(), exchange), play_step);
        let mut response = Response::new(Body::from_stream(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(retry_after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
        }
        response
    }
}

/// An error body as OpenAI sends it.
pub(super) fn error_body(message: &str, kind: &str, code: Option<&str>) -> Value {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}

type Playing = (vec::IntoIter<Step>, Exchange);

/// Plays up to the next bytes. An error item makes the HTTP server close the connection without the
/// terminating chunk, which is what a server that dies looks like from outside.
async fn play_step((mut steps, mut exchange): Playing) -> Option<(io::Result<Bytes>, Playing)> {
    loop {
        match steps.next() {
            Some(Step::Send(bytes)) => {
                exchange.count_chunk();
                // Many clients hang up at the mark that ends a stream, so the response is whole
                // once its last bytes are handed over.
                if steps.as_slice().is_empty() {
                    exchange.finish();
                }
                return Some((Ok(bytes), (steps, exchange)));
            }
            Some(Step::Wait(duration)) => tokio::time::sleep(duration).await,
            Some(Step::Cut) => {
                exchange.cut();
                let error = io::Error::from(io::ErrorKind::ConnectionAborted);
                return Some((Err(error), (vec::IntoIter::default(), exchange)));
            }
            None => return None,
        }
    }
}

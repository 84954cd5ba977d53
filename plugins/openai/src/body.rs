//! A response's body, read with patience that ends.

use crate::failure::Failure;
use loader_sdk::{Host, service::http::StreamingResponse};
use std::time::Duration;

/// A response whose head is here. Dropping it cancels the request.
pub(crate) struct Body {
    host: Host,
    response: StreamingResponse,
    idle_timeout: Duration,
}

impl Body {
    pub(crate) fn new(host: Host, response: StreamingResponse, idle_timeout: Duration) -> Self {
        Self { host, response, idle_timeout }
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.header(name)
    }

    /// Whether it says that it is one JSON text.
    pub(crate) fn is_json(&self) -> bool {
        let content_type = self.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("application/json")
    }

    /// From now on, waits for at most this long.
    pub(crate) fn hurry(&mut self, idle_timeout: Duration) {
        self.idle_timeout = self.idle_timeout.min(idle_timeout);
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&self) -> Result<Option<Vec<u8>>, Failure> {
        match self.host.timeout(self.idle_timeout, self.response.next()).await {
            Some(Ok(piece)) => Ok(piece),
            Some(Err(error)) => Err(Failure::of_body(&error)),
            None => Err(Failure::timed_out("the server stopped in the middle of its answer")),
        }
    }

    /// The rest, if it is not larger than `limit` bytes.
    pub(crate) async fn collect(&self, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(piece) = self.next().await? {
            if body.len() + piece.len() > limit {
                return Err(Failure::garbled(format!("the answer is larger than {limit} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

//! Reads a request's body, as much of it and for as long as the limits allow.

use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use http_body_util::BodyExt as _;
use loader_abi::{MAX_BODY_BYTES, class};
use loader_core::message::Failure;
use loader_gateway::openai::Complaint;
use tokio::time::{Instant, timeout_at};

/// How much a body may have, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// The most bytes.
    pub(crate) max_bytes: usize,
    /// The longest pause between two pieces.
    pub(crate) idle: Duration,
    /// The longest time for the whole.
    pub(crate) total: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            max_bytes: 1024 * 1024,
            idle: Duration::from_secs(10),
            total: Duration::from_secs(30),
        }
    }
}

/// Reads the whole body. A body that is there already costs no timer.
pub(super) async fn read<R>(mut body: R, limits: BodyLimits) -> Result<Vec<u8>, Complaint>
where
    R: HttpBody<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(Vec::new());
    }
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > limits.max_bytes {
        // Nothing was read yet: a client that waits for `100 Continue` never sends it.
        return Err(too_large(limits.max_bytes));
    }
    // What is declared is not sent yet, so it is not made room for at once either.
    let mut bytes = Vec::with_capacity(declared.min(16 * 1024));
    let began = Instant::now();
    let end = began + limits.total;
    let mut now = began;
    loop {
        let frame = match timeout_at(end.min(now + limits.idle), body.frame()).await {
            Ok(None) => return Ok(bytes),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(broken()),
            Err(_) => return Err(too_slow()),
        };
        // Trailers are of no use to anybody here.
        if let Ok(data) = frame.into_data() {
            if data.len() > limits.max_bytes - bytes.len() {
                return Err(too_large(limits.max_bytes));
            }
            bytes.extend_from_slice(&data);
        }
        now = Instant::now();
    }
}

fn too_large(max_bytes: usize) -> Complaint {
    let message = format!("the body has more than {max_bytes} bytes");
    let hint = match max_bytes < MAX_BODY_BYTES {
        true => format!(
            "send less, or let more in: loader run --set gateway.max_body_bytes={MAX_BODY_BYTES}"
        ),
        // More could not be handed to a plugin anyway.
        false => "send less".to_owned(),
    };
    let failure = Failure::new(class::INVALID, "LDR-HTTP-BODY-SIZE", message).hint(hint);
    Complaint::new(413, "body_too_large", failure)
}

fn too_slow() -> Complaint {
    let failure =
        Failure::new(class::DEADLINE, "LDR-HTTP-BODY-TIMEOUT", "the body came too slowly");
    Complaint::new(408, "body_timeout", failure)
}

fn broken() -> Complaint {
    let failure =
        Failure::new(class::INVALID, "LDR-HTTP-BODY", "the body broke off or is malformed");
    Complaint::new(400, "invalid_body", failure)
}

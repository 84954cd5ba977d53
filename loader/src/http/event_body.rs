//! The body of a streamed answer: server-sent events, as fast as the client takes them.
//!
//! A complete answer ends with `[DONE]`. One that fails ends with an error event, and then the
//! connection breaks off: a client that overlooks both the event and the missing `[DONE]` must still
//! not take it for complete.

use std::io;
use std::time::Instant;

use axum::body::{Body, Bytes};
use futures_util::stream;
use loader_abi::class;
use loader_contract::text_inference::{StreamEvent, code};
use loader_core::message::Failure;
use loader_gateway::openai::{Chunks, Complaint};
use tracing::{Span, info, warn};

use super::backend::Events;
use super::milliseconds_since;

/// A streamed answer on its way out.
struct Answer<E> {
    events: E,
    chunks: Chunks,
    stage: Stage,
    record: Record,
}

enum Stage {
    /// This event has to be written first.
    Begun(StreamEvent),
    /// Further events will come.
    Going,
    /// Everything is written.
    Complete,
    /// The error event is written.
    Failed,
    /// The connection is broken off.
    Broken,
}

/// The body that writes this event and all that follow.
pub(super) fn new<E: Events>(
    events: E,
    first: StreamEvent,
    chunks: Chunks,
    began: Instant,
) -> Body {
    let record = Record { span: Span::current(), began, outcome: "client went away" };
    let answer = Answer { events, chunks, stage: Stage::Begun(first), record };
    Body::from_stream(stream::unfold(answer, async |mut answer| {
        let piece = answer.next_piece().await?;
        Some((piece, answer))
    }))
}

impl<E: Events> Answer<E> {
    async fn next_piece(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            let event = match std::mem::replace(&mut self.stage, Stage::Going) {
                Stage::Begun(event) => Ok(event),
                Stage::Going => self.events.next().await.unwrap_or_else(|| Err(cut_off())),
                Stage::Complete => {
                    self.stage = Stage::Complete;
                    return None;
                }
                Stage::Failed => {
                    self.stage = Stage::Broken;
                    // What is written goes out when there is nothing more to write for now.
                    tokio::task::yield_now().await;
                    return Some(Err(io::Error::other("the answer broke off")));
                }
                Stage::Broken => {
                    self.stage = Stage::Broken;
                    return None;
                }
            };
            let piece = match event {
                Ok(event) => self.write(&event),
                Err(failure) => self.write_failure(failure),
            };
            if !piece.is_empty() {
                return Some(Ok(piece.into()));
            }
        }
    }

    fn write(&mut self, event: &StreamEvent) -> Vec<u8> {
        if matches!(event, StreamEvent::Finish { .. }) {
            self.stage = Stage::Complete;
            self.record.outcome = "complete";
        }
        self.chunks.write(event)
    }

    fn write_failure(&mut self, failure: Failure) -> Vec<u8> {
        self.stage = Stage::Failed;
        self.record.outcome = "failed";
        self.record.span.in_scope(|| {
            warn!(code = failure.code, origin = failure.origin, "{}", failure.message);
        });
        Chunks::write_failure(&Complaint::from(failure))
    }
}

/// The provider stopped without saying that it was done.
pub(super) fn cut_off() -> Failure {
    let message = "the answer broke off before it was complete";
    Failure::new(class::UNAVAILABLE, code::UPSTREAM_CUT_OFF, message)
}

/// Logs how the answer ended, whoever ended it.
struct Record {
    span: Span,
    began: Instant,
    outcome: &'static str,
}

impl Drop for Record {
    fn drop(&mut self) {
        let duration_ms = milliseconds_since(self.began);
        self.span.in_scope(|| info!(outcome = self.outcome, duration_ms, "stream ended"));
    }
}

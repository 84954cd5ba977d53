//! One answer of a provider, as it comes.

use loader_abi::{class, message_kind};
use loader_contract::text_inference::{StreamEvent, code};
use loader_core::{OpenStream, message::Failure};
use std::time::{Duration, Instant};

/// A longer answer is not held in memory.
pub(super) const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// How long a provider may take to end its answer after it said that it is complete.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The bodies of a stream's data, put together. The whole answer is to be there by then.
pub(super) async fn collect(stream: &OpenStream, until: Instant) -> Result<Vec<u8>, Failure> {
    let whole = async {
        let mut whole = Vec::new();
        while let Some(message) = stream.receive().await {
            let message = message?;
            if message.kind != message_kind::DATA {
                continue;
            }
            if whole.len() + message.body.len() > MAX_ANSWER_BYTES {
                return Err(stream.accuse(too_long()));
            }
            whole.extend_from_slice(&message.body);
        }
        Ok(whole)
    };
    let collected = tokio::time::timeout_at(until.into(), whole).await;
    collected.unwrap_or_else(|_| Err(stream.accuse(Failure::deadline())))
}

pub(super) fn garbled(error: &serde_json::Error) -> Failure {
    let message = format!("the provider sent what makes no sense: {error}");
    Failure::new(class::INTERNAL, "LDR-CALL-GARBLED", message)
}

/// More than is held in memory.
pub(super) fn too_long() -> Failure {
    let message = format!("the answer has more than {MAX_ANSWER_BYTES} bytes");
    Failure::new(class::INTERNAL, "LDR-CALL-ANSWER-SIZE", message)
}

/// The pieces of one answer. Dropping it cancels the provider's work.
pub(super) struct Round {
    stream: Option<OpenStream>,
    finished: bool,
    /// How long it may stand still.
    idle: Duration,
    /// When the first piece is to be there.
    first: Option<Instant>,
}

impl Round {
    pub(super) fn new(stream: OpenStream, idle: Duration, first: Option<Instant>) -> Self {
        Self { stream: Some(stream), finished: false, idle, first }
    }

    /// Lets the provider go: nothing more is wanted of it.
    pub(super) fn close(&mut self) {
        self.stream = None;
    }

    /// The next piece. `None` comes only after `Finish`; an answer that breaks off is an error.
    pub(super) async fn next(&mut self) -> Option<Result<StreamEvent, Failure>> {
        let stream = self.stream.as_ref()?;
        if self.finished {
            let _ = tokio::time::timeout(LAST_WORDS, end_of(stream)).await;
            self.stream = None;
            return None;
        }
        let latest = Instant::now() + self.idle;
        let until = self.first.take().map_or(latest, |first| first.min(latest));
        let piece = tokio::time::timeout_at(until.into(), next_piece(stream)).await;
        let piece = piece.unwrap_or_else(|_| {
            let message = format!("the answer stood still for {} s", self.idle.as_secs());
            let failure = Failure::new(class::DEADLINE, "LDR-CALL-DEADLINE", message);
            Err(stream.accuse(failure))
        });
        match &piece {
            Ok(StreamEvent::Finish { .. }) => self.finished = true,
            Ok(_) => {}
            Err(_) => self.stream = None,
        }
        Some(piece)
    }
}

/// The next event that says something. What says nothing is no sign of life either.
async fn next_piece(stream: &OpenStream) -> Result<StreamEvent, Failure> {
    while let Some(message) = stream.receive().await {
        let message = message?;
        if message.kind != message_kind::EVENT {
            continue;
        }
        let event = serde_json::from_slice(&message.body)
            .map_err(|error| stream.accuse(garbled(&error)))?;
        if says_something(&event) {
            return Ok(event);
        }
    }
    let message = "the answer broke off before it was complete";
    Err(stream.accuse(Failure::new(class::UNAVAILABLE, code::UPSTREAM_CUT_OFF, message)))
}

fn says_something(event: &StreamEvent) -> bool {
    match event {
        StreamEvent::Unknown => false,
        StreamEvent::Text { text } => !text.is_empty(),
        StreamEvent::ToolCall { id, name, arguments, .. } => {
            !(id.is_empty() && name.is_empty() && arguments.is_empty())
        }
        _ => true,
    }
}

/// Nothing may follow `Finish`; what does is passed over.
async fn end_of(stream: &OpenStream) {
    while let Some(Ok(_)) = stream.receive().await {}
}

//! One answer of a provider, as it comes.

use loader_abi::{class, message_kind};
use loader_contract::text_inference::{StreamEvent, code};
use loader_core::{
    OpenStream,
    message::{Failure, Message},
    stream::End,
};
use std::time::Duration;

/// A longer answer is not held in memory.
pub(super) const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The bodies of a stream's data, put together.
pub(super) async fn collect(stream: &mut OpenStream, idle: Duration) -> Result<Vec<u8>, Failure> {
    let mut whole = Vec::new();
    loop {
        match receive(stream, idle).await? {
            Ok(message) if message.kind == message_kind::DATA => {
                if whole.len() + message.body.len() > MAX_ANSWER_BYTES {
                    return Err(too_long());
                }
                whole.extend_from_slice(&message.body);
            }
            Ok(_) => {}
            Err(end) => return end.into_failure().map_or(Ok(whole), Err),
        }
    }
}

/// The next message of a stream or its end; an error when neither comes in time.
async fn receive(stream: &OpenStream, idle: Duration) -> Result<Result<Message, End>, Failure> {
    tokio::time::timeout(idle, stream.end.receiver.receive()).await.map_err(|_| {
        let message = format!("the answer stood still for {} s", idle.as_secs());
        Failure::new(class::DEADLINE, "LDR-CALL-DEADLINE", message)
    })
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
    idle: Duration,
}

impl Round {
    pub(super) fn new(stream: OpenStream, idle: Duration) -> Self {
        Self { stream: Some(stream), finished: false, idle }
    }

    /// Lets the provider go: nothing more is wanted of it.
    pub(super) fn close(&mut self) {
        self.stream = None;
    }

    /// The next piece. `None` comes only after `Finish`; an answer that breaks off is an error.
    pub(super) async fn next(&mut self) -> Option<Result<StreamEvent, Failure>> {
        let result = self.receive().await?;
        match &result {
            Ok(StreamEvent::Finish { .. }) => self.finished = true,
            Ok(_) => {}
            Err(_) => self.stream = None,
        }
        Some(result)
    }

    async fn receive(&mut self) -> Option<Result<StreamEvent, Failure>> {
        loop {
            let received = match receive(self.stream.as_ref()?, self.idle).await {
                Ok(received) => received,
                Err(failure) => return Some(Err(failure)),
            };
            match received {
                Ok(message) if message.kind != message_kind::EVENT => {}
                Ok(message) => match serde_json::from_slice(&message.body) {
                    Ok(StreamEvent::Unknown) => {}
                    Ok(event) if !self.finished => return Some(Ok(event)),
                    // Nothing may follow `Finish`.
                    Ok(_) => {}
                    Err(error) => return Some(Err(garbled(&error))),
                },
                Err(end) => {
                    self.stream = None;
                    return match (end.into_failure(), self.finished) {
                        (_, true) => None,
                        (Some(failure), false) => Some(Err(failure)),
                        (None, false) => Some(Err(Failure::new(
                            class::UNAVAILABLE,
                            code::UPSTREAM_CUT_OFF,
                            "the answer broke off before it was complete",
                        ))),
                    };
                }
            }
        }
    }
}

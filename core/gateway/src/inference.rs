//! Answers of models, whole or piece by piece.

use crate::models;
use loader_abi::{class, message_kind};
use loader_contract::text_inference::{
    CONTRACT, GenerateRequest, GenerateResponse, StreamEvent, code, method,
};
use loader_core::{
    CallOptions, Engine, OpenStream,
    message::{Failure, Metadata, from_json},
};
use std::time::Duration;

/// Asks a model for a whole answer.
pub(crate) async fn generate(
    engine: &Engine,
    options: CallOptions,
    name: &str,
    mut request: GenerateRequest,
) -> Result<GenerateResponse, Failure> {
    let (provider, model) = models::split(engine, name)?;
    request.model = model.to_owned();
    let target = engine.target(CONTRACT, Some(provider), method::GENERATE)?;
    let reply = target.call(options, Metadata::new(), encode(&request)?).await?;
    from_json(&reply.body)
}

/// Asks a model for an answer piece by piece.
pub(crate) async fn stream(
    engine: &Engine,
    options: CallOptions,
    name: &str,
    mut request: GenerateRequest,
    idle: Duration,
) -> Result<EventStream, Failure> {
    let (provider, model) = models::split(engine, name)?;
    request.model = model.to_owned();
    let target = engine.target(CONTRACT, Some(provider), method::STREAM)?;
    let stream = target.open(options, Metadata::new(), encode(&request)?).await?;
    Ok(EventStream { stream: Some(stream), finished: false, idle })
}

fn encode(request: &GenerateRequest) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(request)
        .map_err(|error| Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string()))
}

/// The pieces of an answer. Dropping it cancels the provider's work.
pub struct EventStream {
    stream: Option<OpenStream>,
    finished: bool,
    idle: Duration,
}

impl EventStream {
    /// The next piece. `None` comes only after `Finish`; an answer that breaks off is an error.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, Failure>> {
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
            let receiver = &self.stream.as_ref()?.end.receiver;
            let received = match tokio::time::timeout(self.idle, receiver.receive()).await {
                Ok(received) => received,
                Err(_) => {
                    let idle = self.idle.as_secs();
                    return Some(Err(Failure::new(
                        class::DEADLINE,
                        "LDR-CALL-DEADLINE",
                        format!("the answer stood still for {idle} s"),
                    )));
                }
            };
            match received {
                Ok(message) if message.kind != message_kind::EVENT => {}
                Ok(message) => match serde_json::from_slice(&message.body) {
                    Ok(StreamEvent::Unknown) => {}
                    Ok(event) if !self.finished => return Some(Ok(event)),
                    // Nothing may follow `Finish`.
                    Ok(_) => {}
                    Err(error) => {
                        return Some(Err(Failure::new(
                            class::INTERNAL,
                            "LDR-CALL-GARBLED",
                            format!("the provider sent an event that makes no sense: {error}"),
                        )));
                    }
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

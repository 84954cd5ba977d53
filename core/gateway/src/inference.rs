//! Answers of models, whole or piece by piece.

mod service;

use crate::{
    desk::Desk,
    hooks::{Additions, Hooks},
    models::{self, ListedModel},
};
use loader_abi::{class, message_kind};
use loader_contract::text_inference::{
    CONTRACT, GenerateRequest, GenerateResponse, StreamEvent, code, method,
};
use loader_core::{
    CallOptions, OpenStream,
    message::{Failure, Message, Metadata},
    stream::End,
};
use std::{borrow::Cow, sync::Arc, time::Duration};

/// A longer answer is not held in memory.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Asks models for answers. What the operator, a person in a chat and a plugin ask for goes this way.
#[derive(Clone)]
pub(crate) struct Inference {
    desk: Arc<Desk>,
    hooks: Hooks,
}

/// A request as the provider gets it.
struct Prepared {
    provider: String,
    request: GenerateRequest,
}

// Asking a model twice costs twice and does nothing else, so every question is idempotent.
impl Inference {
    pub(crate) fn new(desk: Arc<Desk>, hooks: Hooks) -> Self {
        Self { desk, hooks }
    }

    /// Asks a model, named `<provider>/<model>`, for a whole answer. An empty name means the default.
    pub(crate) async fn generate(
        &self,
        options: CallOptions,
        name: &str,
        request: GenerateRequest,
    ) -> Result<GenerateResponse, Failure> {
        let mut stream = self.open(method::GENERATE, options, name, request).await?;
        let answer = collect(&mut stream, self.idle()).await?;
        serde_json::from_slice(&answer).map_err(|error| garbled(&error))
    }

    /// Asks a model for an answer piece by piece.
    pub(crate) async fn stream(
        &self,
        options: CallOptions,
        name: &str,
        request: GenerateRequest,
    ) -> Result<EventStream, Failure> {
        let stream = self.open(method::STREAM, options, name, request).await?;
        Ok(EventStream { stream: Some(stream), finished: false, idle: self.idle() })
    }

    async fn open(
        &self,
        method: &str,
        options: CallOptions,
        name: &str,
        request: GenerateRequest,
    ) -> Result<OpenStream, Failure> {
        let Prepared { provider, request } = self.prepare(&options, name, request).await?;
        let target = self.desk.engine()?.target(CONTRACT, Some(&provider), method)?;
        target.open(options.idempotent(true), Metadata::new(), encode(&request)?).await
    }

    /// Lets the hooks change the request, and finds out who is to be asked.
    async fn prepare(
        &self,
        options: &CallOptions,
        name: &str,
        mut request: GenerateRequest,
    ) -> Result<Prepared, Failure> {
        let engine = self.desk.engine()?;
        let config = self.desk.config();
        let name = Cow::from(if name.is_empty() { &config.models.default } else { name });
        let (hooks, messages) = (&self.hooks, &mut request.messages);
        let mut additions = Additions::default();
        let name = hooks.before_agent_start(options, name, messages, &mut additions).await?;
        let name = hooks.before_model_resolve(options, name).await?;
        let (provider, model) = models::split(&engine, &name)?;
        hooks.before_prompt_build(options, &name, messages, &mut additions).await?;
        request.model = model.to_owned();
        Ok(Prepared { provider: provider.to_owned(), request })
    }

    /// Every model of every provider.
    pub(crate) async fn models(&self) -> Result<Vec<ListedModel>, Failure> {
        Ok(models::list(&*self.desk.engine()?).await)
    }

    /// How long an answer may stand still.
    fn idle(&self) -> Duration {
        Duration::from_millis(self.desk.config().gateway.request_timeout_ms)
    }
}

/// The bodies of a stream's data, put together.
async fn collect(stream: &mut OpenStream, idle: Duration) -> Result<Vec<u8>, Failure> {
    let mut whole = Vec::new();
    loop {
        match receive(stream, idle).await? {
            Ok(message) if message.kind == message_kind::DATA => {
                if whole.len() + message.body.len() > MAX_ANSWER_BYTES {
                    let message = format!("the answer has more than {MAX_ANSWER_BYTES} bytes");
                    return Err(Failure::new(class::INTERNAL, "LDR-CALL-ANSWER-SIZE", message));
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

fn garbled(error: &serde_json::Error) -> Failure {
    let message = format!("the provider sent what makes no sense: {error}");
    Failure::new(class::INTERNAL, "LDR-CALL-GARBLED", message)
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

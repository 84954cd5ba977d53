//! Answers of models, whole or piece by piece.

mod calls;
mod round;
mod service;
mod turn;

pub(crate) use turn::TOOL_ROUNDS;

use crate::{
    desk::Desk,
    hooks::{Additions, Hooks},
    models::{self, ListedModel},
    tools::Tools,
};
use futures_util::{StreamExt as _, stream::BoxStream};
use loader_abi::class;
use loader_contract::text_inference::{
    CONTRACT, GenerateRequest, GenerateResponse, StreamEvent, method,
};
use loader_core::{
    CallOptions, OpenStream,
    message::{Failure, Metadata},
};
use round::Round;
use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};
use turn::Turn;

/// Asks models for answers. What the operator, a person in a chat and a plugin ask for goes this way.
#[derive(Clone)]
pub(crate) struct Inference {
    desk: Arc<Desk>,
    hooks: Hooks,
    tools: Tools,
}

/// A question as the model gets it.
struct Prepared {
    /// The model's whole name.
    name: String,
    request: GenerateRequest,
}

// Asking a model twice costs twice and does nothing else, so every question is idempotent.
impl Inference {
    pub(crate) fn new(desk: Arc<Desk>, hooks: Hooks, tools: Tools) -> Self {
        Self { desk, hooks, tools }
    }

    /// Asks a model, named `<provider>/<model>`, for a whole answer. An empty name means the default.
    pub(crate) async fn generate(
        &self,
        options: CallOptions,
        name: &str,
        request: GenerateRequest,
    ) -> Result<GenerateResponse, Failure> {
        Turn::begin(self.clone(), options, name, request).await?.whole().await
    }

    /// Asks a model for an answer piece by piece.
    pub(crate) async fn stream(
        &self,
        options: CallOptions,
        name: &str,
        request: GenerateRequest,
    ) -> Result<EventStream, Failure> {
        let turn = Turn::begin(self.clone(), options, name, request).await?;
        Ok(EventStream(turn.streamed().await?))
    }

    /// One whole answer of a provider.
    async fn answer(
        &self,
        options: CallOptions,
        name: &str,
        request: GenerateRequest,
    ) -> Result<GenerateResponse, Failure> {
        let until = options.deadline.unwrap_or_else(|| Instant::now() + self.idle());
        let stream = self.open(method::GENERATE, options, name, request).await?;
        let answer = round::collect(&stream, until).await?;
        serde_json::from_slice(&answer).map_err(|error| stream.accuse(round::garbled(&error)))
    }

    /// One streamed answer of a provider.
    async fn round(
        &self,
        options: CallOptions,
        name: &str,
        request: GenerateRequest,
    ) -> Result<Round, Failure> {
        let first = options.deadline;
        let stream = self.open(method::STREAM, options, name, request).await?;
        Ok(Round::new(stream, self.idle(), first))
    }

    async fn open(
        &self,
        method: &str,
        options: CallOptions,
        name: &str,
        mut request: GenerateRequest,
    ) -> Result<OpenStream, Failure> {
        let engine = self.desk.engine()?;
        let (provider, model) = models::split(&engine, name)?;
        request.model = model.to_owned();
        let target = engine.target(CONTRACT, Some(provider), method)?;
        target.open(options.idempotent(true), Metadata::new(), encode(&request)?).await
    }

    /// Finds out which model is to be asked, and lets the hooks change it and what it is asked: once for
    /// a turn.
    async fn prepare(
        &self,
        options: &CallOptions,
        name: &str,
        mut request: GenerateRequest,
    ) -> Result<Prepared, Failure> {
        let config = self.desk.config();
        let name = Cow::from(if name.is_empty() { &config.models.default } else { name });
        let (hooks, messages) = (&self.hooks, &mut request.messages);
        let mut additions = Additions::default();
        let name = hooks.before_agent_start(options, name, messages, &mut additions).await?;
        let name = hooks.before_model_resolve(options, name).await?;
        // What nobody provides is no prompt worth building.
        models::split(&*self.desk.engine()?, &name)?;
        hooks.before_prompt_build(options, &name, messages, &mut additions).await?;
        Ok(Prepared { name: name.into_owned(), request })
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

fn encode(request: &GenerateRequest) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(request)
        .map_err(|error| Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string()))
}

/// The pieces of an answer. Dropping it cancels the work on it: the provider's, and that of tools.
pub struct EventStream(BoxStream<'static, Result<StreamEvent, Failure>>);

impl EventStream {
    /// The next piece. `None` comes only after `Finish`; an answer that breaks off is an error.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, Failure>> {
        self.0.next().await
    }
}

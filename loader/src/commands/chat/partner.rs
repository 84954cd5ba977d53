//! Whom a chat is with: the gateway that runs, or an engine that is started for the chat.

use std::time::Duration;

use loader_contract::text_inference::{GenerateRequest, Message, StreamEvent};
use loader_core::{CallOptions, LogFilter};
use loader_gateway::{EventStream, Gateway};

use crate::context::Context;
use crate::finding::Finding;
use crate::running::{Events, RunningGateway};
use crate::state_dir::{Claim, Claimed, Holder, StateDir};
use crate::token::Token;

/// Whom a chat is with.
pub(super) enum Partner {
    /// The gateway that runs with the state folder.
    Running(RunningGateway),
    /// The plugins, started for the chat in this process.
    Own {
        gateway: Gateway,
        /// Why plugins did not start.
        troubles: Vec<Finding>,
        /// The longest that an answer may take.
        timeout: Duration,
        _claim: Claim,
    },
}

impl Partner {
    /// Finds the gateway, or starts the engine.
    pub(super) async fn find(context: &Context, filter: LogFilter) -> Result<Self, Finding> {
        let state = StateDir::open(context.state_dir()?)?;
        match state.claim("chat")? {
            Claimed::Theirs(Some(Holder { url: Some(url), .. })) => {
                Ok(Self::Running(RunningGateway::new(url, Token::read(&state)?)))
            }
            Claimed::Theirs(holder) => Err(Finding::from(holder).at(state.path())),
            Claimed::Ours(claim) => {
                let mut settings = context.gateway_settings(Some(filter));
                // A chat is no reason to connect anybody's accounts.
                settings.config.channels.clear();
                let timeout = Duration::from_millis(settings.config.gateway.request_timeout_ms);
                let (gateway, diagnostics) = Gateway::start(settings).await?;
                let troubles = diagnostics.into_iter().map(Finding::from).collect();
                Ok(Self::Own { gateway, troubles, timeout, _claim: claim })
            }
        }
    }

    /// Whom the chat is with, in a few words.
    pub(super) fn describe(&self, model: &str) -> String {
        let model = |default| if model.is_empty() { default } else { model };
        match self {
            Self::Running(gateway) => {
                format!("Chatting with {} at {}", model("the default model"), gateway.url)
            }
            Self::Own { gateway, .. } => {
                format!("Chatting with {}", model(&gateway.config().models.default))
            }
        }
    }

    /// Why plugins did not start, as far as it is known.
    pub(super) fn troubles(&self) -> &[Finding] {
        match self {
            Self::Running(_) => &[],
            Self::Own { troubles, .. } => troubles,
        }
    }

    /// Asks for an answer. An empty model means the default.
    pub(super) async fn stream(
        &self,
        model: &str,
        messages: &[Message],
    ) -> Result<Pieces, Finding> {
        match self {
            Self::Running(gateway) => Ok(Pieces::Running(gateway.stream(model, messages).await?)),
            Self::Own { gateway, timeout, .. } => {
                let options = CallOptions::by("chat").within(*timeout);
                let request =
                    GenerateRequest { messages: messages.to_vec(), ..GenerateRequest::default() };
                Ok(Pieces::Own(gateway.stream(options, model, request).await?))
            }
        }
    }

    /// Ends what was started for the chat.
    pub(super) async fn leave(self) {
        if let Self::Own { gateway, .. } = self {
            gateway.stop(Duration::ZERO).await;
        }
    }
}

/// The pieces of an answer. Dropping it cancels the work on the answer.
pub(super) enum Pieces {
    Running(Events),
    Own(EventStream),
}

impl Pieces {
    /// The next piece; `None` when the answer is complete.
    pub(super) async fn next(&mut self) -> Option<Result<StreamEvent, Finding>> {
        match self {
            Self::Running(events) => events.next().await,
            Self::Own(events) => Some(events.next().await?.map_err(Finding::from)),
        }
    }
}

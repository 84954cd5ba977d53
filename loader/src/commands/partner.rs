//! Whom a command asks: the gateway that runs, or an engine that is started for the command.

use std::time::Duration;

use loader_abi::message_kind;
use loader_contract::text_inference::{GenerateRequest, Message, StreamEvent};
use loader_core::{CallOptions, LogFilter, OpenStream};
use loader_gateway::{Answered, EventStream, Gateway, Question};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::finding::Finding;
use crate::running::{self, Events, Piece, RunningGateway};
use crate::state_dir::{Claim, Claimed, Holder, StateDir};
use crate::token::Token;

/// How long plugins may take to end what was read to its end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Whom a command asks.
pub(super) enum Partner {
    /// The gateway that runs with the state folder.
    Running(RunningGateway),
    /// The plugins, started for the command in this process.
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
    /// Finds the gateway, or starts the engine for a command of this name: each plugin is opened by the
    /// first question to it.
    pub(super) async fn find(
        context: &Context,
        command: &'static str,
        filter: LogFilter,
    ) -> Result<Self, Finding> {
        let state = StateDir::open(context.state_dir()?)?;
        match state.claim(command)? {
            Claimed::Theirs(Some(Holder { url: Some(url), .. })) => {
                Ok(Self::Running(RunningGateway::new(url, Token::read(&state)?)))
            }
            Claimed::Theirs(holder) => Err(Finding::from(holder).at(state.path())),
            Claimed::Ours(claim) => {
                let mut settings = context.gateway_settings(Some(filter));
                // A command is no reason to connect anybody's accounts.
                settings.config.channels.clear();
                settings.on_demand = true;
                let timeout = Duration::from_millis(settings.config.gateway.request_timeout_ms);
                let (gateway, diagnostics) = Gateway::start(settings).await?;
                let troubles = diagnostics.into_iter().map(Finding::from).collect();
                Ok(Self::Own { gateway, troubles, timeout, _claim: claim })
            }
        }
    }

    /// Whom a chat is with, in a few words.
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

    /// Asks a model for an answer. An empty model means the default.
    pub(super) async fn stream(
        &self,
        model: &str,
        messages: &[Message],
    ) -> Result<Answer, Finding> {
        match self {
            Self::Running(gateway) => Ok(Answer::Running(gateway.stream(model, messages).await?)),
            Self::Own { gateway, timeout, .. } => {
                let options = CallOptions::by("gateway").within(*timeout);
                let request =
                    GenerateRequest { messages: messages.to_vec(), ..GenerateRequest::default() };
                Ok(Answer::Own(gateway.stream(options, model, request).await?))
            }
        }
    }

    /// Asks for what a contract offers: the method `speech/1/voices`, of one capability or of whichever
    /// the gateway chooses.
    pub(super) async fn ask(
        &self,
        operation: &str,
        capability: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Pieces, Finding> {
        match self {
            Self::Running(gateway) => {
                let body = String::from_utf8(body).map_err(|_| not_json())?;
                Ok(Pieces::Running(gateway.capability(operation, capability, body).await?))
            }
            Self::Own { gateway, timeout, .. } => {
                let (contract, method) = operation.rsplit_once('/').unwrap_or((operation, ""));
                let question = Question {
                    contract: contract.to_owned(),
                    method: method.to_owned(),
                    capability: capability.map(str::to_owned),
                    options: CallOptions::by("gateway").within(*timeout),
                    body,
                };
                Ok(match gateway.ask(question).await? {
                    Answered::Whole(reply) => Pieces::Whole(Some(reply.body)),
                    Answered::Stream(stream) if is_json(&stream) => {
                        let mut pieces = Pieces::Stream { stream, begun: true };
                        Pieces::Whole(Some(pieces.collect().await?))
                    }
                    Answered::Stream(stream) => Pieces::Stream { stream, begun: false },
                })
            }
        }
    }

    /// Asks for what a contract offers, whichever plugin the gateway chooses, and reads the whole answer.
    pub(super) async fn answer<T: DeserializeOwned>(
        &self,
        operation: &str,
        request: &impl Serialize,
    ) -> Result<T, Finding> {
        let body = serde_json::to_vec(request).map_err(|_| not_json())?;
        let mut pieces = self.ask(operation, None, body).await?;
        let whole = match pieces.next().await.transpose()? {
            Some(Piece::Whole(whole)) => serde_json::from_slice(&whole).ok(),
            _ => None,
        };
        whole.ok_or_else(|| {
            let message = format!("the answer to `{operation}` makes no sense");
            Finding::error("LDR-CALL-GARBLED", message).hint("update the loader")
        })
    }

    /// Ends what was started for the command.
    pub(super) async fn leave(self) {
        if let Self::Own { gateway, .. } = self {
            gateway.stop(LAST_WORDS).await;
        }
    }
}

fn not_json() -> Finding {
    Finding::error("LDR-CALL-REQUEST", "the request is not JSON").hint("write it as '{…}'")
}

/// A model's answer, piece by piece. Dropping it cancels the work on it.
pub(super) enum Answer {
    Running(Events),
    Own(EventStream),
}

impl Answer {
    /// The next piece; `None` when the answer is complete.
    pub(super) async fn next(&mut self) -> Option<Result<StreamEvent, Finding>> {
        match self {
            Self::Running(events) => events.next().await,
            Self::Own(events) => Some(events.next().await?.map_err(Finding::from)),
        }
    }
}

/// What a contract offers, piece by piece. Dropping it cancels the work on it.
pub(super) enum Pieces {
    Running(running::Pieces),
    Whole(Option<Vec<u8>>),
    Stream { stream: OpenStream, begun: bool },
}

impl Pieces {
    /// The next piece; `None` when that was all.
    pub(super) async fn next(&mut self) -> Option<Result<Piece, Finding>> {
        match self {
            Self::Running(pieces) => pieces.next().await,
            Self::Whole(body) => body.take().map(|body| Ok(Piece::Whole(body))),
            Self::Stream { stream, begun } => {
                let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                if !std::mem::replace(begun, true) {
                    let head = &stream.head;
                    let media = head.metadata.get(loader_contract::CONTENT_TYPE).map(text);
                    return Some(Ok(Piece::Head { media, body: head.body.clone() }));
                }
                Some(match stream.receive().await? {
                    Ok(message) if message.kind == message_kind::EVENT => {
                        Ok(Piece::Event(message.body))
                    }
                    Ok(message) => {
                        let to = message.metadata.get_text("to").map(str::to_owned);
                        Ok(Piece::Data { bytes: message.body, to })
                    }
                    Err(failure) => Err(Finding::from(failure)),
                })
            }
        }
    }

    /// The bytes of a stream, put together.
    async fn collect(&mut self) -> Result<Vec<u8>, Finding> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await {
            if let Piece::Data { bytes, .. } = piece? {
                whole.extend(bytes);
            }
        }
        Ok(whole)
    }
}

/// Whether a stream is nothing but a long answer.
fn is_json(stream: &OpenStream) -> bool {
    let media = stream.head.metadata.get_text(loader_contract::CONTENT_TYPE);
    media == Some("application/json") && stream.head.body.is_empty()
}

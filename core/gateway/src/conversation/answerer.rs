//! One turn: a person's message as hooks leave it, the answer of a command or a model, and that as hooks
//! leave it.

use super::history::History;
use crate::{
    chat_commands::ChatCommands,
    config::Config,
    hooks::{Fate, Hooks},
    inference::Inference,
};
use arc_swap::ArcSwap;
use loader_abi::class;
use loader_contract::{
    channel::InboundMessage, chat_command::ChatCommand, hook::Session,
    text_inference::GenerateRequest,
};
use loader_core::{CallOptions, message::Failure};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tracing::warn;

/// The longest answer. Nobody reads more in a chat.
const MOST_SAID_BYTES: usize = 256 * 1024;

/// Who answers messages, and on what terms.
pub(super) struct Answerer {
    inference: Inference,
    hooks: Hooks,
    commands: ChatCommands,
    terms: ArcSwap<Terms>,
}

/// What the configuration says of answers.
struct Terms {
    default_model: String,
    /// By channel and account.
    models: BTreeMap<(String, String), String>,
    timeout: Duration,
}

impl Terms {
    fn of(config: &Config) -> Self {
        let mut models = BTreeMap::new();
        for (channel, settings) in &config.channels {
            for (name, account) in &settings.accounts {
                if let Some(model) = &account.model {
                    models.insert((channel.clone(), name.clone()), model.clone());
                }
            }
        }
        Self {
            default_model: config.models.default.clone(),
            models,
            timeout: Duration::from_millis(config.gateway.request_timeout_ms),
        }
    }
}

impl Answerer {
    pub(super) fn new(
        inference: Inference,
        hooks: Hooks,
        commands: ChatCommands,
        config: &Config,
    ) -> Self {
        Self { inference, hooks, commands, terms: ArcSwap::from_pointee(Terms::of(config)) }
    }

    /// Turns that begin from now on follow this configuration.
    pub(super) fn adjust(&self, config: &Config) {
        self.terms.store(Arc::new(Terms::of(config)));
    }

    /// What is answered to a message, if anything is. The history keeps what was said in the end.
    pub(super) async fn answer(
        &self,
        session: &Session,
        message: &InboundMessage,
        history: &mut History,
    ) -> Option<String> {
        let before = history.len();
        let answered = self.take_part(session, message, history).await;
        match &answered {
            // A model is shown what it was asked, and no command of a plugin.
            Ok(Some(text)) if history.len() > before => history.answer(text),
            _ => history.unsay(before),
        }
        answered.unwrap_or_else(|failure| Some(sorry(&failure)))
    }

    async fn take_part(
        &self,
        session: &Session,
        message: &InboundMessage,
        history: &mut History,
    ) -> Result<Option<String>, Failure> {
        let options = CallOptions::by("gateway");
        let said = message.text.clone();
        let said = self.hooks.message_received(&options, session, &message.sender.id, said).await?;
        let Fate::Said(said) = said else { return Ok(None) };
        let answer = match self.commands.read(&said) {
            Some(command) => self.run(session, message, command).await?,
            None => {
                history.hear(&message.sender.name, &said);
                self.generate(session, history).await?
            }
        };
        Ok(match self.hooks.before_reply(&options, session, answer).await? {
            Fate::Said(text) => Some(text),
            Fate::Dropped => None,
        })
    }

    /// What a command of a plugin says.
    async fn run(
        &self,
        session: &Session,
        message: &InboundMessage,
        command: ChatCommand,
    ) -> Result<String, Failure> {
        let Session { channel, account, conversation } = session.clone();
        let sender = message.sender.id.clone();
        let command = ChatCommand { channel, account, conversation, sender, ..command };
        let options = CallOptions::by("gateway").within(self.terms.load().timeout);
        Ok(self.commands.run(options, command).await?.text)
    }

    /// What a model says.
    async fn generate(&self, session: &Session, history: &History) -> Result<String, Failure> {
        let terms = self.terms.load_full();
        let model = terms.models.get(&(session.channel.clone(), session.account.clone()));
        let model = model.unwrap_or(&terms.default_model);
        let request =
            GenerateRequest { messages: history.messages(), ..GenerateRequest::default() };
        let options = CallOptions::by("gateway").within(terms.timeout);
        let response = self.inference.generate(options, model, request).await?;
        let text = response.message.joined_text();
        if text.len() > MOST_SAID_BYTES {
            let message = format!(
                "the answer has {} bytes; a chat takes at most {MOST_SAID_BYTES}",
                text.len()
            );
            return Err(Failure::new(class::EXHAUSTED, "LDR-CALL-ANSWER-SIZE", message));
        }
        Ok(text)
    }
}

/// What is said where there is no answer.
fn sorry(failure: &Failure) -> String {
    let Failure { code, origin, message, .. } = failure;
    warn!(code, origin, "no answer: {message}");
    format!("Sorry, no answer: {message} ({code})")
}

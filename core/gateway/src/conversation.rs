//! Conversation turns: a person's message, the model's answer, the reply through the same channel.
//!
//! Each conversation has one task, so its turns come one after another, in order. A reply carries an
//! idempotency key made of the turn, so trying to send it again cannot send it twice.

use crate::{
    channels,
    chat_commands::ChatCommands,
    config,
    hooks::{Fate, Hooks},
    inference::Inference,
};
use arc_swap::ArcSwap;
use loader_abi::class;
use loader_contract::{
    channel::{CONTRACT, InboundMessage, SendText, method},
    chat_command::ChatCommand,
    hook::Session,
    text_inference::{GenerateRequest, Message, Role},
};
use loader_core::{
    CallOptions, Engine,
    message::{Failure, Metadata},
};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, info_span, warn};

/// Messages of one conversation that may wait for their turn; then the channel waits.
const WAITING: usize = 64;

/// How many messages of a conversation a model is shown.
const HISTORY: usize = 20;

/// How much of a conversation a model is shown: a question may have 1 MiB.
const HISTORY_BYTES: usize = 256 * 1024;

/// The longest reply. Nobody reads more in a chat.
const MOST_SAID_BYTES: usize = 256 * 1024;

/// How long a conversation's task waits for the next message before it forgets the conversation.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// How long a reply is tried again while the account is not connected.
const RESEND_FOR: Duration = Duration::from_secs(120);

/// The waits between the tries to send a reply.
const RESEND_FIRST: Duration = Duration::from_millis(500);
const RESEND_MOST: Duration = Duration::from_secs(10);

/// Channel, account, conversation.
type Key = (String, String, String);

/// The conversations under way.
#[derive(Clone)]
pub(crate) struct Conversations(Arc<Shared>);

struct Shared {
    engine: Engine,
    inference: Inference,
    hooks: Hooks,
    commands: ChatCommands,
    terms: ArcSwap<Terms>,
    queues: Mutex<HashMap<Key, mpsc::Sender<InboundMessage>>>,
    tasks: TaskTracker,
    /// Nobody takes messages any more; what is under way may finish.
    closing: CancellationToken,
    /// Ends every conversation, a turn under way too.
    over: CancellationToken,
}

/// What the configuration says of answers.
struct Terms {
    default_model: String,
    models: BTreeMap<(String, String), String>,
    timeout: Duration,
}

impl Terms {
    fn of(config: &config::Config) -> Self {
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

impl Conversations {
    pub(crate) fn new(
        engine: Engine,
        inference: Inference,
        hooks: Hooks,
        commands: ChatCommands,
        config: &config::Config,
    ) -> Self {
        Self(Arc::new(Shared {
            engine,
            inference,
            hooks,
            commands,
            terms: ArcSwap::from_pointee(Terms::of(config)),
            queues: Mutex::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            over: CancellationToken::new(),
        }))
    }

    /// Lets every conversation come to its end: what was said is answered, and hooks are told. Takes no
    /// messages any more.
    pub(crate) async fn close(&self) {
        self.0.closing.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Ends every conversation, each of which keeps the engine.
    pub(crate) async fn end(&self) {
        self.0.closing.cancel();
        self.0.over.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.queues().clear();
    }

    /// Turns that begin from now on follow this configuration.
    pub(crate) fn adjust(&self, config: &config::Config) {
        self.0.terms.store(Arc::new(Terms::of(config)));
    }

    /// Takes a message over; waits while its conversation has too many waiting.
    pub(crate) async fn take(&self, channel: &str, message: InboundMessage) -> Result<(), Failure> {
        if !message.addressed || message.text.trim().is_empty() {
            return Ok(());
        }
        let key = (channel.to_owned(), message.account.clone(), message.conversation.id.clone());
        let mut message = message;
        loop {
            if self.0.closing.is_cancelled() {
                return Err(channels::not_now());
            }
            let queue = self.queue(&key);
            match queue.send(message).await {
                Ok(()) => return Ok(()),
                // The task ended between the look and the send; the next look starts another.
                Err(mpsc::error::SendError(returned)) => {
                    message = returned;
                    let mut queues = self.0.queues();
                    if queues.get(&key).is_some_and(mpsc::Sender::is_closed) {
                        queues.remove(&key);
                    }
                }
            }
        }
    }

    fn queue(&self, key: &Key) -> mpsc::Sender<InboundMessage> {
        let mut queues = self.0.queues();
        if let Some(queue) = queues.get(key) {
            return queue.clone();
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        queues.insert(key.clone(), sender.clone());
        let span = info_span!("conversation", channel = key.0, account = key.1);
        let shared = self.0.clone();
        let (over, key) = (self.0.over.clone(), key.clone());
        let turns = async move { over.run_until_cancelled(shared.converse(key, receiver)).await };
        self.0.tasks.spawn(turns.instrument(span));
        sender
    }
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, HashMap<Key, mpsc::Sender<InboundMessage>>> {
        self.queues.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A conversation, from its first message until it has been quiet for long.
    async fn converse(self: Arc<Self>, key: Key, mut messages: mpsc::Receiver<InboundMessage>) {
        let (channel, account, conversation) = key.clone();
        let session = Session { channel, account, conversation };
        let options = CallOptions::by("gateway");
        loop {
            self.hooks.session_started(&options, &session).await;
            self.take_turns(&key, &session, &mut messages).await;
            self.hooks.session_ended(&options, &session).await;
            let mut queues = self.queues();
            // A message that was queued meanwhile begins another.
            if messages.is_empty() {
                messages.close();
                queues.remove(&key);
                return;
            }
        }
    }

    /// One turn after another, until there was nothing to answer for long.
    async fn take_turns(
        &self,
        key: &Key,
        session: &Session,
        messages: &mut mpsc::Receiver<InboundMessage>,
    ) {
        let mut history: VecDeque<Message> = VecDeque::new();
        // After a pause, or a restart, turns are counted anew.
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut turn = 0_u64;
        loop {
            let next = tokio::select! {
                biased;
                next = tokio::time::timeout(IDLE, messages.recv()) => next,
                () = self.closing.cancelled() => return,
            };
            let Ok(Some(mut message)) = next else { return };
            turn += 1;
            let Some(text) = self.turn(key, session, &mut message, &mut history).await else {
                continue;
            };
            forget_oldest(&mut history);
            let turn = format!("{began}/{turn}");
            if self.reply(key, &message, &text, &turn).await {
                self.hooks.message_sent(&CallOptions::by("gateway"), session, &text).await;
            }
        }
    }

    /// What is answered to a message, if anything is. The history keeps what was said in the end.
    async fn turn(
        &self,
        key: &Key,
        session: &Session,
        message: &mut InboundMessage,
        history: &mut VecDeque<Message>,
    ) -> Option<String> {
        let before = history.len();
        let answered = self.take_part(key, session, message, history).await;
        match &answered {
            // A model is shown what it was asked, and no command of a plugin.
            Ok(Some(text)) if history.len() > before => {
                history.push_back(Message::text(Role::Assistant, text));
            }
            // As if nothing had been said.
            _ => history.truncate(before),
        }
        answered.unwrap_or_else(|failure| Some(sorry(&failure)))
    }

    /// The message as hooks leave it, the answer of a command or the model, and that as hooks leave it.
    async fn take_part(
        &self,
        key: &Key,
        session: &Session,
        message: &mut InboundMessage,
        history: &mut VecDeque<Message>,
    ) -> Result<Option<String>, Failure> {
        let options = CallOptions::by("gateway");
        let said = std::mem::take(&mut message.text);
        let said = self.hooks.message_received(&options, session, &message.sender.id, said).await?;
        let Fate::Said(said) = said else { return Ok(None) };
        let answer = match self.commands.read(&said) {
            Some(command) => self.command(key, message, command).await?,
            None => {
                let name = message.sender.name.clone();
                history.push_back(Message { name, ..Message::text(Role::User, &said) });
                self.answer(key, history).await?
            }
        };
        Ok(match self.hooks.before_reply(&options, session, answer).await? {
            Fate::Said(text) => Some(text),
            Fate::Dropped => None,
        })
    }

    /// What a command of a plugin says.
    async fn command(
        &self,
        key: &Key,
        message: &InboundMessage,
        command: ChatCommand,
    ) -> Result<String, Failure> {
        let command = ChatCommand {
            channel: key.0.clone(),
            account: key.1.clone(),
            conversation: key.2.clone(),
            sender: message.sender.id.clone(),
            ..command
        };
        let options = CallOptions::by("gateway").within(self.terms.load().timeout);
        Ok(self.commands.run(options, command).await?.text)
    }

    async fn answer(&self, key: &Key, history: &VecDeque<Message>) -> Result<String, Failure> {
        let terms = self.terms.load_full();
        let model = terms.models.get(&(key.0.clone(), key.1.clone()));
        let model = model.unwrap_or(&terms.default_model);
        let request = GenerateRequest {
            messages: history.iter().cloned().collect(),
            ..GenerateRequest::default()
        };
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

    /// Sends the reply; while the account is not connected, tries again for a while. Says whether it
    /// was sent.
    async fn reply(&self, key: &Key, message: &InboundMessage, text: &str, turn: &str) -> bool {
        if text.trim().is_empty() {
            return false;
        }
        let request = SendText {
            channel: String::new(),
            account: key.1.clone(),
            conversation: key.2.clone(),
            text: text.to_owned(),
            reply_to: message.message_id.clone(),
        };
        let Ok(body) = serde_json::to_vec(&request) else { return false };
        let mut options = CallOptions::by("gateway");
        options.idempotency_key = format!("{}/{}/{}/{turn}", key.0, key.1, key.2);
        let give_up = tokio::time::Instant::now() + RESEND_FOR;
        let mut wait = RESEND_FIRST;
        loop {
            let sent = match self.engine.target(CONTRACT, Some(&key.0), method::SEND) {
                Ok(target) => {
                    target.call(options.clone(), Metadata::new(), body.clone()).await.map(|_| ())
                }
                Err(failure) => Err(failure),
            };
            let Err(failure) = sent else { return true };
            // Only what surely was not sent is sent again.
            let again = failure.class == class::UNAVAILABLE;
            if !again || tokio::time::Instant::now() + wait > give_up {
                warn!(code = failure.code, "the reply is lost: {}", failure.message);
                return false;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RESEND_MOST);
        }
    }
}

/// Leaves as much of a conversation as a model is shown.
fn forget_oldest(history: &mut VecDeque<Message>) {
    let length = |message: &Message| message.joined_text().len();
    let mut bytes: usize = history.iter().map(length).sum();
    while history.len() > HISTORY || bytes > HISTORY_BYTES {
        let Some(oldest) = history.pop_front() else { return };
        bytes -= length(&oldest);
    }
}

/// What is said where there is no answer.
fn sorry(failure: &Failure) -> String {
    let Failure { code, origin, message, .. } = failure;
    warn!(code, origin, "no answer: {message}");
    format!("Sorry, no answer: {message} ({code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_forgotten_by_messages_and_by_bytes() {
        let said = |bytes| Message::text(Role::User, "a".repeat(bytes));
        let mut history: VecDeque<Message> = (0..30).map(|_| said(1)).collect();
        forget_oldest(&mut history);
        assert_eq!(history.len(), HISTORY);
        history.push_back(said(HISTORY_BYTES - 3));
        forget_oldest(&mut history);
        assert_eq!(history.len(), 4);
        history.push_back(said(HISTORY_BYTES + 1));
        forget_oldest(&mut history);
        assert!(history.is_empty());
    }
}

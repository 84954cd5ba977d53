//! Conversation turns: a person's message, the model's answer, the reply through the same channel.
//!
//! Each conversation has one task, so its turns come one after another, in order.

mod answerer;
mod history;
mod reply;

use crate::{
    channels, chat_commands::ChatCommands, config::Config, hooks::Hooks, inference::Inference,
};
use answerer::Answerer;
use history::History;
use loader_contract::{channel::InboundMessage, hook::Session};
use loader_core::{CallOptions, Engine, message::Failure};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, info_span};

/// Messages of one conversation that may wait for their turn; then the channel waits.
const WAITING: usize = 64;

/// How long a conversation's task waits for the next message before it forgets the conversation.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// The conversations under way.
#[derive(Clone)]
pub(crate) struct Conversations(Arc<Shared>);

struct Shared {
    engine: Engine,
    hooks: Hooks,
    answerer: Answerer,
    queues: Mutex<HashMap<Session, mpsc::Sender<InboundMessage>>>,
    tasks: TaskTracker,
    /// Nobody takes messages any more; what is under way may finish.
    closing: CancellationToken,
    /// Ends every conversation, a turn under way too.
    over: CancellationToken,
}

impl Conversations {
    pub(crate) fn new(
        engine: Engine,
        inference: Inference,
        hooks: Hooks,
        commands: ChatCommands,
        config: &Config,
    ) -> Self {
        Self(Arc::new(Shared {
            engine,
            answerer: Answerer::new(inference, hooks.clone(), commands, config),
            hooks,
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
    pub(crate) fn adjust(&self, config: &Config) {
        self.0.answerer.adjust(config);
    }

    /// Takes a message over; waits while its conversation has too many waiting.
    pub(crate) async fn take(&self, channel: &str, message: InboundMessage) -> Result<(), Failure> {
        if !message.addressed || message.text.trim().is_empty() {
            return Ok(());
        }
        let session = Session {
            channel: channel.to_owned(),
            account: message.account.clone(),
            conversation: message.conversation.id.clone(),
        };
        let mut message = message;
        loop {
            if self.0.closing.is_cancelled() {
                return Err(channels::not_now());
            }
            let queue = self.queue(&session);
            match queue.send(message).await {
                Ok(()) => return Ok(()),
                // The task ended between the look and the send; the next look starts another.
                Err(mpsc::error::SendError(returned)) => {
                    message = returned;
                    let mut queues = self.0.queues();
                    if queues.get(&session).is_some_and(mpsc::Sender::is_closed) {
                        queues.remove(&session);
                    }
                }
            }
        }
    }

    fn queue(&self, session: &Session) -> mpsc::Sender<InboundMessage> {
        let mut queues = self.0.queues();
        if let Some(queue) = queues.get(session) {
            return queue.clone();
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        queues.insert(session.clone(), sender.clone());
        let span = info_span!("conversation", channel = session.channel, account = session.account);
        let shared = self.0.clone();
        let (over, session) = (self.0.over.clone(), session.clone());
        let turns =
            async move { over.run_until_cancelled(shared.converse(session, receiver)).await };
        self.0.tasks.spawn(turns.instrument(span));
        sender
    }
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, HashMap<Session, mpsc::Sender<InboundMessage>>> {
        self.queues.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A conversation, from its first message until it has been quiet for long.
    async fn converse(
        self: Arc<Self>,
        session: Session,
        mut messages: mpsc::Receiver<InboundMessage>,
    ) {
        let options = CallOptions::by("gateway");
        loop {
            self.hooks.session_started(&options, &session).await;
            self.take_turns(&session, &mut messages).await;
            self.hooks.session_ended(&options, &session).await;
            let mut queues = self.queues();
            // A message that was queued meanwhile begins another.
            if messages.is_empty() {
                messages.close();
                queues.remove(&session);
                return;
            }
        }
    }

    /// One turn after another, until there was nothing to answer for long.
    async fn take_turns(&self, session: &Session, messages: &mut mpsc::Receiver<InboundMessage>) {
        let mut history = History::default();
        // After a pause, or a restart, turns are counted anew.
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut turn = 0_u64;
        loop {
            let next = tokio::select! {
                biased;
                next = tokio::time::timeout(IDLE, messages.recv()) => next,
                () = self.closing.cancelled() => return,
            };
            let Ok(Some(message)) = next else { return };
            turn += 1;
            let Some(text) = self.answerer.answer(session, &message, &mut history).await else {
                continue;
            };
            let turn = format!("{began}/{turn}");
            if reply::send(&self.engine, session, &message, &text, &turn).await {
                self.hooks.message_sent(&CallOptions::by("gateway"), session, &text).await;
            }
        }
    }
}

//! What people and the gateway say to each other.

use super::{Hooks, round::Effect};
use loader_contract::hook::{
    BeforeReply, MessageChange, MessageReceived, MessageSent, ReplyChange, Session, event,
};
use loader_core::{CallOptions, message::Failure};

/// What becomes of something that was said.
pub(crate) enum Fate {
    /// It goes on its way, in these words.
    Said(String),
    /// It goes no further.
    Dropped,
}

impl Hooks {
    /// A person's message has come.
    pub(crate) async fn message_received(
        &self,
        options: &CallOptions,
        session: &Session,
        sender: &str,
        text: String,
    ) -> Result<Fate, Failure> {
        let round = self.round(event::MESSAGE_RECEIVED, options);
        let Some(round) = round else { return Ok(Fate::Said(text)) };
        let (session, sender) = (session.clone(), sender.to_owned());
        let mut request = MessageReceived { session, sender, text };
        let mut dropped = false;
        let shown = round.show(&mut request, |request, MessageChange { text, drop }| {
            dropped = drop;
            said(&mut request.text, text, drop)
        });
        shown.await?;
        Ok(if dropped { Fate::Dropped } else { Fate::Said(request.text) })
    }

    /// An answer is about to be sent.
    pub(crate) async fn before_reply(
        &self,
        options: &CallOptions,
        session: &Session,
        text: String,
    ) -> Result<Fate, Failure> {
        let round = self.round(event::BEFORE_REPLY, options);
        let Some(round) = round else { return Ok(Fate::Said(text)) };
        let mut request = BeforeReply { session: session.clone(), text };
        let mut dropped = false;
        let shown = round.show(&mut request, |request, ReplyChange { text, drop }| {
            dropped = drop;
            said(&mut request.text, text, drop)
        });
        shown.await?;
        Ok(if dropped { Fate::Dropped } else { Fate::Said(request.text) })
    }

    /// An answer was sent. Nothing waits for this but what comes next in the conversation.
    pub(crate) async fn message_sent(&self, options: &CallOptions, session: &Session, text: &str) {
        let Some(round) = self.round(event::MESSAGE_SENT, options) else { return };
        let mut request = MessageSent { session: session.clone(), text: text.to_owned() };
        round.tell(&mut request).await;
    }

    /// A conversation begins.
    pub(crate) async fn session_started(&self, options: &CallOptions, session: &Session) {
        let Some(round) = self.round(event::SESSION_STARTED, options) else { return };
        round.tell(&mut session.clone()).await;
    }

    /// A conversation has been quiet for long, or the gateway stops.
    pub(crate) async fn session_ended(&self, options: &CallOptions, session: &Session) {
        let Some(round) = self.round(event::SESSION_ENDED, options) else { return };
        round.tell(&mut session.clone()).await;
    }
}

fn said(text: &mut String, other: Option<String>, dropped: bool) -> Effect {
    match other {
        _ if dropped => Effect::Over,
        Some(other) if other != *text => {
            *text = other;
            Effect::Changed
        }
        _ => Effect::None,
    }
}

//! What the gateway wants said: enqueued once for each idempotency key, and waited for.

use super::{
    Account,
    outbox::{Declined, Job, Outcome, Ticket},
};
use crate::{
    command::{self, line},
    signal::Signal,
    split::split,
};
use loader_sdk::{class, contract::channel::code, prelude::*};
use std::{sync::PoisonError, time::Duration};

impl Account {
    /// Sends a text to a channel or a nick.
    ///
    /// Done once the connection's writer has accepted every piece. The pieces go out even if the
    /// caller does not wait for it: half an answer is worse than a late one. A repetition of `key`
    /// gets the first one's result.
    ///
    /// # Errors
    ///
    /// Class unavailable, code `not_connected`: nothing was sent, and trying again is safe. Class
    /// exhausted, code `outbox_full`: the same. Class internal, code `sent_partly`: the connection
    /// was lost half way; trying again would repeat the first pieces. Class invalid, code
    /// `unknown_conversation`.
    pub(crate) async fn send(&self, key: &str, conversation: &str, text: &str) -> Result<Sent> {
        let ticket = self.enqueue_once(key, conversation, text)?;
        let outcome = ticket.until(|outcome| *outcome).await;
        match outcome {
            Outcome::Sent(pieces) => {
                let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
                Ok(Sent { message_ids: Vec::new(), pieces })
            }
            Outcome::Nothing => Err(self.not_connected()),
            Outcome::Partly(written) => Err(Error::new(
                class::INTERNAL,
                "sent_partly",
                format!(
                    "the connection of the IRC account `{}` was lost when {written} pieces of the \
                     text were written, and others were not",
                    self.name
                ),
            )),
        }
    }

    /// Enqueues a text, unless that was done before for the same key.
    fn enqueue_once(&self, key: &str, conversation: &str, text: &str) -> Result<Ticket> {
        // Held over looking and remembering, so that two calls with one key cannot both send.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ticket) = memory.recall(key) {
            // Where nothing was sent the last time, this is the time to send it.
            if ticket.look(|outcome| *outcome != Some(Outcome::Nothing)) {
                return Ok(ticket.clone());
            }
        }
        let ticket = Ticket::new(Signal::new(None));
        let lines = self.lines(conversation, text)?;
        match self.outbox.push(Job::new(lines, key, ticket.clone())) {
            Ok(()) => {}
            Err(Declined::Closed) => return Err(self.not_connected()),
            Err(Declined::Full) => {
                return Err(Error::new(
                    class::EXHAUSTED,
                    "outbox_full",
                    format!("too many messages of the IRC account `{}` wait already", self.name),
                )
                .hint("raise the account's `messages_per_second`, if the server allows it")
                .retry_after(Duration::from_secs(1)));
            }
        }
        memory.remember(key, ticket.clone());
        Ok(ticket)
    }

    /// The lines that say a text in a conversation.
    fn lines(&self, conversation: &str, text: &str) -> Result<Vec<String>> {
        let Some(room) = self.state.look(|state| state.room) else {
            return Err(self.not_connected());
        };
        let target = Some(conversation);
        let target = target.filter(|name| command::is_param(name) && !name.contains(','));
        let Some(limit) = target.and_then(|target| room.text_bytes(target)) else {
            return Err(Error::invalid(
                code::UNKNOWN_CONVERSATION,
                format!("`{}` is neither a channel nor a nick", conversation.escape_debug()),
            )
            .hint("name a channel such as `#room`, or a nick"));
        };
        let pieces = split(text, limit);
        Ok(pieces.iter().map(|piece| line("PRIVMSG", &[conversation], Some(piece))).collect())
    }

    fn not_connected(&self) -> Error {
        let status = self.status();
        let again = status.retry_in_ms.map_or(Duration::from_secs(1), Duration::from_millis);
        Error::unavailable(
            code::NOT_CONNECTED,
            format!("the IRC account `{}` is not connected; nothing was sent", self.name),
        )
        .retry_after(again)
    }
}

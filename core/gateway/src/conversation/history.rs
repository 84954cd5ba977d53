//! What of a conversation a model is shown.

use loader_contract::text_inference::{Message, Role};
use std::collections::VecDeque;

/// How many messages a model is shown.
const MESSAGES: usize = 20;

/// How much text a model is shown: a question may have 1 MiB.
const BYTES: usize = 256 * 1024;

/// What was said in one conversation, as far back as a model is shown it.
#[derive(Default)]
pub(super) struct History(VecDeque<Message>);

impl History {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.0.iter().cloned().collect()
    }

    /// The person says something, under a name.
    pub(super) fn hear(&mut self, name: &str, text: &str) {
        self.0.push_back(Message { name: name.to_owned(), ..Message::text(Role::User, text) });
    }

    /// The person is answered; what is too far back is forgotten.
    pub(super) fn answer(&mut self, text: &str) {
        self.0.push_back(Message::text(Role::Assistant, text));
        let length = |message: &Message| message.joined_text().len();
        let mut bytes: usize = self.0.iter().map(length).sum();
        while self.0.len() > MESSAGES || bytes > BYTES {
            let Some(oldest) = self.0.pop_front() else { return };
            bytes -= length(&oldest);
        }
    }

    /// As if nothing had been said since there were so many messages.
    pub(super) fn unsay(&mut self, messages: usize) {
        self.0.truncate(messages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_forgotten_by_messages_and_by_bytes() {
        let mut history = History::default();
        for _ in 0..30 {
            history.answer("a");
        }
        assert_eq!(history.len(), MESSAGES);
        history.answer(&"a".repeat(BYTES - 3));
        assert_eq!(history.len(), 4);
        history.answer(&"a".repeat(BYTES + 1));
        assert_eq!(history.len(), 0);
    }
}

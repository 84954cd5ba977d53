//! What a connection has read and nobody has taken.

use crate::{
    message::Message,
    stream::{Refused, Sender},
};
use loader_abi::message_kind;
use std::collections::VecDeque;

/// How much is read for a holder that is yet to come.
const MAX_BYTES: usize = 256 * 1024;

/// Messages in order, and how much memory they take.
#[derive(Default)]
pub(super) struct Unread {
    messages: VecDeque<Message>,
    bytes: usize,
}

/// The holder takes nothing any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

impl Unread {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether no more is to be read while nobody holds the connection.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MAX_BYTES
    }

    pub(super) fn push(&mut self, message: Message) {
        self.bytes += weight(&message);
        self.messages.push_back(message);
    }

    /// Gives a holder as much as it has room for.
    pub(super) fn deliver(&mut self, holder: &Sender) -> Result<(), Gone> {
        while let Some(message) = self.messages.pop_front() {
            let weight = weight(&message);
            match holder.try_send(message) {
                Ok(()) => self.bytes -= weight,
                Err(Refused::Full(message)) => {
                    self.messages.push_front(message);
                    break;
                }
                Err(Refused::Ended(message) | Refused::TooLarge(message)) => {
                    self.messages.push_front(message);
                    return Err(Gone);
                }
            }
        }
        Ok(())
    }

    /// Takes back what a holder that is gone was given and did not take, but for the head, which was for
    /// that holder alone. `true` when it took not even that.
    pub(super) fn take_back(&mut self, holder: &Sender) -> bool {
        let mut took_nothing = false;
        for message in holder.take_back().into_iter().rev() {
            if message.kind == message_kind::HEAD {
                took_nothing = true;
                continue;
            }
            self.bytes += weight(&message);
            self.messages.push_front(message);
        }
        took_nothing
    }
}

/// Many messages with little or nothing in them take memory too.
fn weight(message: &Message) -> usize {
    size_of::<Message>() + message.body.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Metadata;
    use crate::stream::{self, WINDOW};

    fn numbered(number: usize) -> Message {
        Message::data(number.to_string().into())
    }

    #[test]
    fn every_message_comes_once_and_in_order_over_two_holders() {
        let mut unread = Unread::default();
        (0..100).for_each(|number| unread.push(numbered(number)));
        let (near, far) = stream::pair();
        near.sender.try_send(Message::head(Metadata::new(), Vec::new())).expect("there is room");
        assert_eq!(unread.deliver(&near.sender), Ok(()));
        assert!(!unread.is_empty(), "a stream holds {WINDOW} messages");
        assert!(far.receiver.try_receive().is_ready(), "the head");
        for number in 0..10 {
            assert_eq!(far.receiver.try_receive(), std::task::Poll::Ready(Ok(numbered(number))));
        }
        drop(far);
        assert_eq!(unread.deliver(&near.sender), Err(Gone));
        assert!(!unread.take_back(&near.sender), "it took the head");
        let (near, far) = stream::pair();
        for number in 10..100 {
            assert_eq!(unread.deliver(&near.sender), Ok(()));
            assert_eq!(far.receiver.try_receive(), std::task::Poll::Ready(Ok(numbered(number))));
        }
        assert!(unread.is_empty());
        assert_eq!(unread.bytes, 0);
    }

    #[test]
    fn messages_with_nothing_in_them_are_not_read_without_end() {
        let mut unread = Unread::default();
        let read = (0..MAX_BYTES).take_while(|_| {
            unread.push(Message::data(Vec::new()));
            !unread.is_full()
        });
        assert!(read.count() < MAX_BYTES / 16, "each takes memory of its own");
    }
}

//! What byte streams and WebSockets do in ways of their own.

use crate::{
    message::{Failure, Message, Reply},
    stream::End,
};

/// A connection, as far as lending it goes.
pub(in crate::services) trait Lent: Send + 'static {
    /// What must be the same for a connection to be taken over.
    type Address: Clone + PartialEq + Send + 'static;

    /// What to say when another stream holds a name.
    fn held(name: &str) -> Failure;

    /// The first message for a holder.
    fn head(&self, adopted: bool) -> Result<Reply, Failure>;

    /// Sends the next piece of what was queued, or reads if it may, and returns what was read. Dropping
    /// the future loses nothing.
    fn step(&mut self, reads: bool) -> impl Future<Output = Option<Message>> + Send;

    /// Queues what the holder says. The error is the holder's end.
    fn queue(&mut self, message: Message) -> Result<(), Failure>;

    /// The holder says no more.
    fn hush(&mut self, end: &End);

    /// Whether something that was queued is yet to be sent.
    fn is_sending(&self) -> bool;

    /// Whether nothing can be queued any more: goodbye was said, or sending failed.
    fn is_parting(&self) -> bool;

    /// How the other side ended, once all it said was read.
    fn ended(&self) -> Option<Ended>;

    /// Sends what is left, and goodbye.
    fn part(self) -> impl Future<Output = ()> + Send;
}

/// How the other side ended.
pub(in crate::services) enum Ended {
    /// It says no more, and may still listen.
    Silent,
    /// It is gone.
    Gone(Result<(), Failure>),
}

//! Who holds a connection, and who would like to.

use crate::{
    message::{Failure, Message, Reply},
    service::ServiceCaller,
    stream::{End, Receiver, Sender, StreamEnd},
};
use futures_util::FutureExt;
use loader_contract::service::net::MAX_KEEP_MS;
use std::time::Duration;
use tokio::sync::oneshot;

/// A plugin's stream that holds a connection.
pub(in crate::services) struct Holder {
    pub(super) sender: Sender,
    /// None once nothing more is to come, or can be said.
    pub(super) receiver: Option<Receiver>,
    pub(super) generation: u64,
    /// How long the connection waits for the next holder.
    pub(super) keep: Duration,
    /// How it ended for the holder; its receiver is dropped when the holder stops waiting.
    pub(super) outcome: oneshot::Sender<Result<(), Failure>>,
}

impl Holder {
    /// The stream of a caller, and how it will have ended.
    pub(in crate::services) fn new(
        stream: StreamEnd,
        caller: &ServiceCaller,
        keep_ms: u64,
    ) -> (Self, oneshot::Receiver<Result<(), Failure>>) {
        let (outcome, ended) = oneshot::channel();
        let holder = Self {
            sender: stream.sender,
            receiver: Some(stream.receiver),
            generation: caller.generation,
            keep: Duration::from_millis(keep_ms.min(MAX_KEEP_MS)),
            outcome,
        };
        (holder, ended)
    }

    pub(super) fn has_left(&self) -> bool {
        self.outcome.is_closed() || self.sender.closed().now_or_never().is_some()
    }

    /// Accepts the stream.
    pub(super) fn welcome(&self, head: Result<Reply, Failure>) {
        if let Ok(head) = head {
            // A holder that left already is noticed next.
            let _ = self.sender.try_send(Message::head(head.metadata, head.body));
        }
    }

    /// Ends the stream.
    pub(super) fn part(self, end: End, outcome: Result<(), Failure>) -> Sender {
        self.sender.end(end);
        let _ = self.outcome.send(outcome);
        self.sender
    }
}

/// A wish to hold a connection. When it is granted, the reply is dropped.
pub(in crate::services) struct Claim<A> {
    pub(super) address: A,
    pub(super) holder: Holder,
    pub(super) reply: oneshot::Sender<Refusal>,
}

/// Why a wish is not granted.
pub(super) enum Refusal {
    /// Another holds the connection.
    Held,
    /// The connection is closed; the holder is handed back.
    Closed(Box<Holder>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;
    use std::sync::Arc;

    fn holder(keep_ms: u64) -> (Holder, StreamEnd, oneshot::Receiver<Result<(), Failure>>) {
        let caller = ServiceCaller {
            plugin: "one".into(),
            generation: 1,
            config: Arc::default(),
            secrets: Arc::default(),
        };
        let (near, far) = stream::pair();
        let (holder, ended) = Holder::new(far, &caller, keep_ms);
        (holder, near, ended)
    }

    #[test]
    fn nobody_keeps_a_connection_waiting_for_ever() {
        let (asked, ..) = holder(30_000);
        assert_eq!(asked.keep, Duration::from_secs(30));
        let (asked, ..) = holder(u64::MAX);
        assert_eq!(asked.keep, Duration::from_secs(5 * 60));
    }

    #[test]
    fn a_holder_leaves_with_its_stream_or_its_wait() {
        let (present, near, ended) = holder(0);
        assert!(!present.has_left());
        near.sender.end(End::Done);
        assert!(!present.has_left(), "it may still read");
        drop(near);
        assert!(present.has_left());
        let (present, _near, waiting) = holder(0);
        drop(waiting);
        assert!(present.has_left());
        drop(ended);
    }
}

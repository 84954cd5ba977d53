//! The plugin's end of a stream: a host object behind the boundary's traits.

use super::{host::Place, relay::Relay};
use crate::{
    message::{Failure, Message},
    stream::{End, Receiver, Refused, Sender, StreamEnd},
};
use loader_abi::{
    Duplex, ReceiveOutcome, SendOutcome, StreamReceiver, StreamReceiver_TO, StreamSender,
    StreamSender_TO,
    abi_stable::{
        sabi_trait::TD_Opaque,
        std_types::{RBox, ROption},
    },
    async_ffi::{FfiFuture, FutureExt},
    end_reason, receive_status, send_status,
};
use std::{sync::Arc, task::Poll};

/// Wraps one side of a stream for a plugin.
pub(crate) fn lend(end: StreamEnd, relay: &Relay, borrower: &Arc<str>) -> Duplex {
    halves(end, None, relay, borrower)
}

/// The same, and keeps a place until the plugin has let go of both halves.
pub(crate) fn lend_with(
    end: StreamEnd,
    place: Place,
    relay: &Relay,
    borrower: &Arc<str>,
) -> Duplex {
    halves(end, Some(Arc::new(place)), relay, borrower)
}

fn halves(end: StreamEnd, place: Option<Arc<Place>>, relay: &Relay, borrower: &Arc<str>) -> Duplex {
    let sender = LentSender {
        sender: end.sender,
        borrower: borrower.clone(),
        relay: relay.clone(),
        _place: place.clone(),
    };
    let receiver = LentReceiver { receiver: end.receiver, relay: relay.clone(), _place: place };
    Duplex {
        sender: StreamSender_TO::from_value(sender, TD_Opaque),
        receiver: StreamReceiver_TO::from_value(receiver, TD_Opaque),
    }
}

struct LentSender {
    sender: Sender,
    /// Whose failure it is when this half ends with one.
    borrower: Arc<str>,
    relay: Relay,
    _place: Option<Arc<Place>>,
}

impl StreamSender for LentSender {
    fn try_send(&self, message: loader_abi::Message) -> SendOutcome {
        let (status, returned) = match self.sender.try_send(Message::from_abi(message)) {
            Ok(()) => (send_status::SENT, None),
            Err(Refused::Full(message)) => (send_status::FULL, Some(message)),
            Err(Refused::Ended(message)) => (send_status::ENDED, Some(message)),
            Err(Refused::TooLarge(message)) => (send_status::TOO_LARGE, Some(message)),
        };
        SendOutcome { status, returned: returned.map(Message::into_abi).into() }
    }

    fn writable(&self) -> FfiFuture<()> {
        self.relay.wrap(self.sender.writable()).into_ffi()
    }

    fn credit(&self) -> u32 {
        u32::try_from(self.sender.credit()).unwrap_or(u32::MAX)
    }

    fn close(&self, end: loader_abi::End) {
        self.sender.end(from_abi(end, &self.borrower));
    }
}

struct LentReceiver {
    receiver: Receiver,
    relay: Relay,
    _place: Option<Arc<Place>>,
}

impl StreamReceiver for LentReceiver {
    fn try_receive(&self) -> ReceiveOutcome {
        match self.receiver.try_receive() {
            Poll::Ready(Ok(message)) => ReceiveOutcome {
                status: receive_status::MESSAGE,
                message: ROption::RSome(message.into_abi()),
                end: ROption::RNone,
            },
            Poll::Ready(Err(end)) => ReceiveOutcome {
                status: receive_status::ENDED,
                message: ROption::RNone,
                end: ROption::RSome(RBox::new(into_abi(end))),
            },
            Poll::Pending => ReceiveOutcome {
                status: receive_status::EMPTY,
                message: ROption::RNone,
                end: ROption::RNone,
            },
        }
    }

    fn readable(&self) -> FfiFuture<()> {
        self.relay.wrap(self.receiver.readable()).into_ffi()
    }

    fn close(&self) {
        self.receiver.close();
    }
}

fn into_abi(end: End) -> loader_abi::End {
    let reason = end.reason();
    let error = match end {
        End::Failed(failure) => ROption::RSome(failure.into_abi()),
        _ => ROption::RNone,
    };
    loader_abi::End { reason, error }
}

fn from_abi(end: loader_abi::End, borrower: &str) -> End {
    match (end.reason, end.error) {
        (end_reason::DONE, _) => End::Done,
        (end_reason::CANCELLED, _) => End::Cancelled,
        (end_reason::DEADLINE, _) => End::Deadline,
        (end_reason::SUPERSEDED, _) => End::Superseded,
        (_, ROption::RSome(error)) => End::Failed(Failure::from_abi(error, borrower.to_owned())),
        (_, ROption::RNone) => End::Failed(Failure::new(
            loader_abi::class::INTERNAL,
            "LDR-STREAM-ENDED",
            "the stream ended with an unknown reason",
        )),
    }
}

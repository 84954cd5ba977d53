//! The plugin's end of a stream whose other end is across the socket.

use crate::remote::{Remote, lock};
use integration_tests::wire::{Error, Frame, Message, Reply};
use loader_abi::{
    self as abi, Duplex, End, MAX_BODY_BYTES, ReceiveOutcome, SendOutcome, StreamReceiver,
    StreamReceiver_TO, StreamSender, StreamSender_TO,
    abi_stable::{
        sabi_trait::TD_Opaque,
        std_types::{RBox, ROption},
    },
    async_ffi::{FfiFuture, FutureExt},
    end_reason, receive_status, send_status,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;

/// Messages a sender may be ahead of its receiver.
const WINDOW: u32 = 4;

/// One stream.
pub(crate) struct Pipe {
    remote: Arc<Remote>,
    id: u64,
    /// The plugin serves it, so that the result of its handler says how it ended.
    served: bool,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    credit: u32,
    /// Nothing more can be sent.
    closed: bool,
    arrived: VecDeque<Message>,
    end: Option<(u32, Option<Error>)>,
}

/// What was received.
pub(crate) enum Received {
    Message(Message),
    Ended(u32, Option<Error>),
}

impl Pipe {
    pub(crate) fn new(remote: Arc<Remote>, id: u64, served: bool) -> Self {
        let state = State { credit: WINDOW, closed: false, arrived: VecDeque::new(), end: None };
        Self { remote, id, served, state: Mutex::new(state), changed: Notify::new() }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut lock(&self.state));
        self.changed.notify_waiters();
    }

    pub(crate) fn arrived(&self, message: Message) {
        self.change(|state| state.arrived.push_back(message));
    }

    pub(crate) fn may_send(&self, more: u32) {
        self.change(|state| state.credit += more);
    }

    pub(crate) fn ended(&self, reason: u32, error: Option<Error>) {
        self.change(|state| state.end = Some((reason, error)));
    }

    /// The side that was opened is done with the whole stream.
    pub(crate) fn answered(&self, answer: Result<Reply, Error>) {
        match answer {
            Ok(_) => self.ended(end_reason::DONE, None),
            Err(error) => self.ended(end_reason::ERROR, Some(error)),
        }
        self.unheard();
    }

    pub(crate) fn unheard(&self) {
        self.change(|state| state.closed = true);
    }

    fn try_receive(&self) -> Option<Received> {
        let mut state = lock(&self.state);
        if let Some(message) = state.arrived.pop_front() {
            self.remote.send(&Frame::Credit(self.id, 1));
            return Some(Received::Message(message));
        }
        state.end.clone().map(|(reason, error)| Received::Ended(reason, error))
    }

    pub(crate) async fn receive(&self) -> Received {
        loop {
            if let Some(received) = self.try_receive() {
                return received;
            }
            self.until(|state| !state.arrived.is_empty() || state.end.is_some()).await;
        }
    }

    async fn until(&self, condition: impl Fn(&State) -> bool) {
        loop {
            // Made before the look, so that no change falls between the two.
            let changed = self.changed.notified();
            if condition(&lock(&self.state)) {
                return;
            }
            changed.await;
        }
    }
}

/// The two halves a plugin gets.
pub(crate) fn lend(pipe: Arc<Pipe>) -> Duplex {
    Duplex {
        sender: StreamSender_TO::from_value(Sending(pipe.clone()), TD_Opaque),
        receiver: StreamReceiver_TO::from_value(Receiving(pipe), TD_Opaque),
    }
}

struct Sending(Arc<Pipe>);

impl StreamSender for Sending {
    fn try_send(&self, message: abi::Message) -> SendOutcome {
        let refused = |status, message| SendOutcome { status, returned: ROption::RSome(message) };
        let mut state = lock(&self.0.state);
        if message.body.len() > MAX_BODY_BYTES {
            return refused(send_status::TOO_LARGE, message);
        }
        if state.closed {
            return refused(send_status::ENDED, message);
        }
        if state.credit == 0 {
            return refused(send_status::FULL, message);
        }
        state.credit -= 1;
        self.0.remote.send(&Frame::Message(self.0.id, Message::from_abi(message)));
        SendOutcome { status: send_status::SENT, returned: ROption::RNone }
    }

    fn writable(&self) -> FfiFuture<()> {
        let pipe = self.0.clone();
        async move { pipe.until(|state| state.credit > 0 || state.closed).await }.into_ffi()
    }

    fn credit(&self) -> u32 {
        lock(&self.0.state).credit
    }

    fn close(&self, end: End) {
        let first = !std::mem::replace(&mut lock(&self.0.state).closed, true);
        if first {
            let error = end.error.into_option().map(RBox::into_inner).map(Error::from_abi);
            self.0.remote.send(&Frame::End(self.0.id, end.reason, error));
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if !self.0.served {
            self.close(End { reason: end_reason::CANCELLED, error: ROption::RNone });
        }
    }
}

struct Receiving(Arc<Pipe>);

impl StreamReceiver for Receiving {
    fn try_receive(&self) -> ReceiveOutcome {
        let outcome = |status, message: Option<Message>, end: Option<End>| ReceiveOutcome {
            status,
            message: message.map(Message::into_abi).into(),
            end: end.map(RBox::new).into(),
        };
        match self.0.try_receive() {
            None => outcome(receive_status::EMPTY, None, None),
            Some(Received::Message(message)) => {
                outcome(receive_status::MESSAGE, Some(message), None)
            }
            Some(Received::Ended(reason, error)) => {
                let end = End { reason, error: error.map(Error::into_abi).into() };
                outcome(receive_status::ENDED, None, Some(end))
            }
        }
    }

    fn readable(&self) -> FfiFuture<()> {
        let pipe = self.0.clone();
        async move {
            pipe.until(|state| !state.arrived.is_empty() || state.end.is_some()).await;
        }
        .into_ffi()
    }

    fn close(&self) {
        self.0.remote.send(&Frame::Deaf(self.0.id));
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if lock(&self.0.state).end.is_none() {
            self.close();
        }
    }
}

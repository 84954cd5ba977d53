//! A stream's halves, as the host owns them: an unbounded queue with an end.

use loader_sdk::abi::{
    Duplex, End, Message, ReceiveOutcome, SendOutcome, StreamReceiver, StreamReceiver_TO,
    StreamSender, StreamSender_TO,
    abi_stable::{
        sabi_trait::TD_Opaque,
        std_types::{RBox, ROption, RVec},
    },
    async_ffi::{FfiFuture, FutureExt},
    end_reason, message_kind, receive_status, send_status,
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use tokio::sync::Notify;

/// One direction of a stream.
#[derive(Clone, Default)]
pub(crate) struct Pipe(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Vec<u8>>,
    ended: bool,
    /// While set, nothing is taken: the network is behind.
    stuffed: bool,
}

impl Pipe {
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.0.state.lock().expect("no test panics with the lock"));
        self.0.changed.notify_waiters();
        result
    }

    /// Adds bytes; false when nobody takes any more.
    pub(crate) fn push(&self, bytes: Vec<u8>) -> bool {
        self.change(|state| {
            if !state.ended {
                state.messages.push_back(bytes);
            }
            !state.ended
        })
    }

    /// Ends the pipe; what is in it can still be read.
    pub(crate) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    /// Stops taking bytes, or takes them again.
    pub(crate) fn stuff(&self, stuffed: bool) {
        self.change(|state| state.stuffed = stuffed);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.change_quietly(|state| state.ended)
    }

    /// The next bytes; `None` after the end.
    pub(crate) async fn pull(&self) -> Option<Vec<u8>> {
        self.until(|state| match state.messages.pop_front() {
            Some(bytes) => Some(Some(bytes)),
            None => state.ended.then_some(None),
        })
        .await
    }

    async fn until<R>(&self, mut ready: impl FnMut(&mut State) -> Option<R>) -> R {
        loop {
            let changed = self.0.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if let Some(result) = self.change_quietly(&mut ready) {
                return result;
            }
            changed.await;
        }
    }

    fn change_quietly<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.0.state.lock().expect("no test panics with the lock"))
    }
}

/// Both pipes of a connection, and whether somebody holds it.
#[derive(Clone, Default)]
pub(crate) struct Pipes {
    pub(crate) written: Pipe,
    pub(crate) read: Pipe,
    held: Arc<AtomicBool>,
    /// Whether it stays open when nobody holds it.
    kept: bool,
}

impl Pipes {
    pub(crate) fn new(kept: bool) -> Self {
        Self { kept, ..Self::default() }
    }

    pub(crate) fn end(&self) {
        self.written.end();
        self.read.end();
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.load(SeqCst)
    }

    /// The plugin's end: it writes into one pipe and reads from the other.
    pub(crate) fn duplex(&self) -> Duplex {
        self.held.store(true, SeqCst);
        Duplex {
            sender: StreamSender_TO::from_value(Writing(self.written.clone()), TD_Opaque),
            receiver: StreamReceiver_TO::from_value(
                Reading(self.read.clone(), self.clone()),
                TD_Opaque,
            ),
        }
    }
}

/// The plugin's way out. Dropping it alone says nothing to the other side.
struct Writing(Pipe);

impl StreamSender for Writing {
    fn try_send(&self, message: Message) -> SendOutcome {
        let (status, returned) = self.0.change(|state| match (state.ended, state.stuffed) {
            (true, _) => (send_status::ENDED, Some(message)),
            (false, true) => (send_status::FULL, Some(message)),
            (false, false) => {
                state.messages.push_back(message.body.into_vec());
                (send_status::SENT, None)
            }
        });
        SendOutcome { status, returned: returned.map_or(ROption::RNone, ROption::RSome) }
    }

    fn writable(&self) -> FfiFuture<()> {
        let pipe = self.0.clone();
        async move { pipe.until(|state| (state.ended || !state.stuffed).then_some(())).await }
            .into_ffi()
    }

    fn credit(&self) -> u32 {
        1
    }

    fn close(&self, _: End) {
        self.0.end();
    }
}

/// The plugin's way in. It is the one that holds the connection.
struct Reading(Pipe, Pipes);

impl Drop for Reading {
    fn drop(&mut self) {
        self.1.held.store(false, SeqCst);
        if !self.1.kept {
            self.1.end();
        }
    }
}

impl StreamReceiver for Reading {
    fn try_receive(&self) -> ReceiveOutcome {
        self.0.change_quietly(|state| match state.messages.pop_front() {
            Some(bytes) => ReceiveOutcome {
                status: receive_status::MESSAGE,
                message: ROption::RSome(Message {
                    kind: message_kind::DATA,
                    metadata: RVec::new(),
                    body: bytes.into(),
                }),
                end: ROption::RNone,
            },
            None if state.ended => ReceiveOutcome {
                status: receive_status::ENDED,
                message: ROption::RNone,
                end: ROption::RSome(RBox::new(End {
                    reason: end_reason::DONE,
                    error: ROption::RNone,
                })),
            },
            None => ReceiveOutcome {
                status: receive_status::EMPTY,
                message: ROption::RNone,
                end: ROption::RNone,
            },
        })
    }

    fn readable(&self) -> FfiFuture<()> {
        let pipe = self.0.clone();
        async move {
            pipe.until(|state| (state.ended || !state.messages.is_empty()).then_some(())).await;
        }
        .into_ffi()
    }

    fn close(&self) {
        self.0.end();
    }
}

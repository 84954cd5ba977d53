//! Streams: bounded queues that live in the host, whichever side opened them.

use crate::message::{Failure, Message};
use loader_abi::{MAX_BODY_BYTES, class, end_reason, message_kind};
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

/// How many messages a sender may be ahead of its receiver.
pub const WINDOW: usize = 64;

/// How one half of a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// All was said.
    Done,
    /// One side lost interest.
    Cancelled,
    /// The deadline passed.
    Deadline,
    /// A newer generation or stream took over.
    Superseded,
    /// It failed.
    Failed(Failure),
}

/// One side of a stream.
#[derive(Debug)]
pub struct StreamEnd {
    /// Towards the other side.
    pub sender: Sender,
    /// From the other side.
    pub receiver: Receiver,
}

/// Makes a stream and returns its two sides.
pub fn pair() -> (StreamEnd, StreamEnd) {
    let (near, far) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
    (
        StreamEnd { sender: Sender(near.clone()), receiver: Receiver(far.clone()) },
        StreamEnd { sender: Sender(far), receiver: Receiver(near) },
    )
}

/// One direction.
#[derive(Debug, Default)]
struct Pipe(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Message>,
    end: Option<End>,
    /// The receiver is gone.
    deaf: bool,
    /// What the receiver had not taken when it went.
    unread: VecDeque<Message>,
    /// An [`Ending`] says how this direction ends, not the sender's drop.
    decided_elsewhere: bool,
    /// Who waits for a message, or the end.
    readers: Vec<Waker>,
    /// Who waits for room.
    writers: Vec<Waker>,
    /// Who waits for the receiver to go.
    watchers: Vec<Waker>,
}

impl Pipe {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn finish(&self, end: End) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        let readers = std::mem::take(&mut state.readers);
        drop(state);
        readers.into_iter().for_each(Waker::wake);
    }
}

fn enlist(wakers: &mut Vec<Waker>, context: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
        wakers.push(context.waker().clone());
    }
}

/// Why a message was not queued; the message is handed back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The window is full.
    Full(Message),
    /// The receiver is gone, or this half was ended.
    Ended(Message),
    /// The body is larger than [`MAX_BODY_BYTES`].
    TooLarge(Message),
}

/// The sending half. Dropping it without [`end`](Self::end) cancels it.
#[derive(Debug)]
pub struct Sender(Arc<Pipe>);

impl Sender {
    /// Queues a message if there is credit.
    pub fn try_send(&self, message: Message) -> Result<(), Refused> {
        if message.body.len() > MAX_BODY_BYTES {
            return Err(Refused::TooLarge(message));
        }
        let mut state = self.0.state();
        if state.deaf || state.end.is_some() {
            return Err(Refused::Ended(message));
        }
        if state.queue.len() >= WINDOW {
            return Err(Refused::Full(message));
        }
        state.queue.push_back(message);
        let readers = std::mem::take(&mut state.readers);
        drop(state);
        readers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Sends a message, waiting while the window is full.
    pub async fn send(&self, mut message: Message) -> Result<(), Failure> {
        loop {
            match self.try_send(message) {
                Ok(()) => return Ok(()),
                Err(Refused::Full(returned)) => {
                    message = returned;
                    self.writable().await;
                }
                Err(Refused::Ended(_)) => return Err(Failure::cancelled()),
                Err(Refused::TooLarge(_)) => {
                    return Err(Failure::new(
                        class::EXHAUSTED,
                        "LDR-STREAM-TOO-LARGE",
                        "a stream message may have at most 1 MiB",
                    ));
                }
            }
        }
    }

    /// Resolves when a message may be sent or the receiver is gone.
    pub fn writable(&self) -> impl Future<Output = ()> + Send + use<> {
        let pipe = self.0.clone();
        poll_fn(move |context| {
            let mut state = pipe.state();
            if state.deaf || state.end.is_some() || state.queue.len() < WINDOW {
                return Poll::Ready(());
            }
            enlist(&mut state.writers, context);
            Poll::Pending
        })
    }

    /// Resolves when the receiver is gone.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let pipe = self.0.clone();
        poll_fn(move |context| {
            let mut state = pipe.state();
            if state.deaf {
                return Poll::Ready(());
            }
            enlist(&mut state.watchers, context);
            Poll::Pending
        })
    }

    /// Takes back, in order, what a receiver that is gone had not taken.
    pub fn take_back(&self) -> Vec<Message> {
        std::mem::take(&mut self.0.state().unread).into()
    }

    /// How many messages may be sent before the window is full.
    pub fn credit(&self) -> usize {
        WINDOW.saturating_sub(self.0.state().queue.len())
    }

    /// Ends this half; the first end counts.
    pub fn end(&self, end: End) {
        self.0.finish(end);
    }

    /// Gives the queue to whoever decides how it ends, so that dropping this half does not.
    pub(crate) fn ending(&self) -> Ending {
        self.0.state().decided_elsewhere = true;
        Ending(self.0.clone())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if !self.0.state().decided_elsewhere {
            self.0.finish(End::Cancelled);
        }
    }
}

/// Decides how a half ends that somebody else sends on.
#[derive(Debug)]
pub(crate) struct Ending(Arc<Pipe>);

impl Ending {
    pub(crate) fn end(self, end: End) {
        self.0.finish(end);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.finish(End::Cancelled);
    }
}

/// The receiving half. Dropping it tells the sender that nobody listens.
#[derive(Debug)]
pub struct Receiver(Arc<Pipe>);

impl Receiver {
    /// Takes the next message, or the end once every message before it was taken.
    pub fn try_receive(&self) -> Poll<Result<Message, End>> {
        let mut state = self.0.state();
        match (state.queue.pop_front(), &state.end) {
            (Some(message), _) => {
                let writers = std::mem::take(&mut state.writers);
                drop(state);
                writers.into_iter().for_each(Waker::wake);
                Poll::Ready(Ok(message))
            }
            (None, Some(end)) => Poll::Ready(Err(end.clone())),
            (None, None) => Poll::Pending,
        }
    }

    /// Receives the next message, waiting for it; the error is how the sender ended.
    pub async fn receive(&self) -> Result<Message, End> {
        poll_fn(|context| self.poll_receive(context)).await
    }

    /// Polls for the next message.
    pub fn poll_receive(&self, context: &mut Context<'_>) -> Poll<Result<Message, End>> {
        if let ready @ Poll::Ready(_) = self.try_receive() {
            return ready;
        }
        enlist(&mut self.0.state().readers, context);
        // A message may have come between the look and the enlisting.
        self.try_receive()
    }

    /// Resolves when a message or the end can be taken.
    pub fn readable(&self) -> impl Future<Output = ()> + Send + use<> {
        let pipe = self.0.clone();
        poll_fn(move |context| {
            let mut state = pipe.state();
            if !state.queue.is_empty() || state.end.is_some() {
                return Poll::Ready(());
            }
            enlist(&mut state.readers, context);
            Poll::Pending
        })
    }

    /// Tells the sender that nobody listens any more.
    pub fn close(&self) {
        let mut state = self.0.state();
        state.deaf = true;
        let unread = std::mem::take(&mut state.queue);
        state.unread.extend(unread);
        let writers = std::mem::take(&mut state.writers);
        let watchers = std::mem::take(&mut state.watchers);
        drop(state);
        writers.into_iter().chain(watchers).for_each(Waker::wake);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.close();
    }
}

impl End {
    /// The number of this end on the wire.
    pub(crate) fn reason(&self) -> u32 {
        match self {
            Self::Done => end_reason::DONE,
            Self::Cancelled => end_reason::CANCELLED,
            Self::Deadline => end_reason::DEADLINE,
            Self::Superseded => end_reason::SUPERSEDED,
            Self::Failed(_) => end_reason::ERROR,
        }
    }

    /// Why a stream that should have gone on did not; `None` when all was said.
    pub fn into_failure(self) -> Option<Failure> {
        match self {
            Self::Done => None,
            Self::Cancelled => Some(Failure::cancelled()),
            Self::Deadline => Some(Failure::deadline()),
            Self::Superseded => Some(Failure::new(
                class::CANCELLED,
                "LDR-STREAM-SUPERSEDED",
                "a newer stream took over",
            )),
            Self::Failed(failure) => Some(failure),
        }
    }
}

/// Waits for the head of a stream that was just opened.
pub(crate) async fn accept(end: StreamEnd) -> Result<(Message, StreamEnd), Failure> {
    match end.receiver.receive().await {
        Ok(message) if message.kind == message_kind::HEAD => Ok((message, end)),
        Ok(_) => Err(Failure::new(
            class::INTERNAL,
            "LDR-STREAM-HEAD",
            "the other side sent something before it accepted the stream",
        )),
        Err(end) => Err(end.into_failure().unwrap_or_else(|| {
            Failure::new(
                class::INTERNAL,
                "LDR-STREAM-HEAD",
                "the other side ended the stream without accepting it",
            )
        })),
    }
}

#[cfg(test)]
mod tests;

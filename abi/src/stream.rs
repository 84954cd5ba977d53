//! Streams: two independent halves, both of them the *host's* objects.
//!
//! Whoever opens a stream, the queues between the two ends live in the host. A plugin therefore
//! never hands out an object of its own, and an image can be unloaded while the other end of one of
//! its streams is still being read.
//!
//! Backpressure is a credit window counted in messages. [`StreamSender::try_send`] never waits; a
//! sender without credit gets its message back and awaits [`StreamSender::writable`].

use crate::{CallError, Message};
use abi_stable::{
    StableAbi, sabi_trait,
    std_types::{RBox, ROption},
};
use async_ffi::FfiFuture;

/// How one half of a stream ended.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Why; see [`end_reason`].
    pub reason: u32,
    /// The error, when the reason is [`end_reason::ERROR`].
    pub error: ROption<RBox<CallError>>,
}

/// Why a half ended. The set is open; treat an unknown number as [`end_reason::ERROR`].
pub mod end_reason {
    /// All was said.
    pub const DONE: u32 = 0;
    /// One side lost interest.
    pub const CANCELLED: u32 = 1;
    /// The deadline passed.
    pub const DEADLINE: u32 = 2;
    /// A newer generation or a newer stream took over.
    pub const SUPERSEDED: u32 = 3;
    /// It failed.
    pub const ERROR: u32 = 4;
}

/// The answer to [`StreamSender::try_send`].
#[repr(C)]
#[derive(StableAbi, Debug)]
pub struct SendOutcome {
    /// See [`send_status`].
    pub status: u32,
    /// The message, handed back unless it was sent.
    pub returned: ROption<Message>,
}

/// The values of [`SendOutcome::status`].
pub mod send_status {
    /// The message is in the queue.
    pub const SENT: u32 = 0;
    /// No credit: await `writable` and send again.
    pub const FULL: u32 = 1;
    /// The receiver ended; nothing more can be sent.
    pub const ENDED: u32 = 2;
    /// The message is larger than [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES).
    pub const TOO_LARGE: u32 = 3;
}

/// The answer to [`StreamReceiver::try_receive`].
#[repr(C)]
#[derive(StableAbi, Debug)]
pub struct ReceiveOutcome {
    /// See [`receive_status`].
    pub status: u32,
    /// The message, when there is one.
    pub message: ROption<Message>,
    /// How the sender ended, once every message before the end was received.
    pub end: ROption<RBox<End>>,
}

/// The values of [`ReceiveOutcome::status`].
pub mod receive_status {
    /// `message` is set.
    pub const MESSAGE: u32 = 0;
    /// Nothing is there yet: await `readable` and look again.
    pub const EMPTY: u32 = 1;
    /// `end` is set.
    pub const ENDED: u32 = 2;
}

/// The sending half. Dropping it without [`close`](Self::close) ends it as cancelled.
#[sabi_trait]
pub trait StreamSender: Send + Sync + 'static {
    /// Queues a message if there is credit; never waits.
    fn try_send(&self, message: Message) -> SendOutcome;

    /// Resolves when a message may be sent or the receiver ended.
    fn writable(&self) -> FfiFuture<()>;

    /// Messages that may be sent before the window is full.
    fn credit(&self) -> u32;

    /// Ends this half. The other half of the stream is not touched.
    #[sabi(last_prefix_field)]
    fn close(&self, end: End);
}

/// The receiving half. Dropping it tells the sender that nobody listens.
#[sabi_trait]
pub trait StreamReceiver: Send + Sync + 'static {
    /// Takes the next message; never waits.
    fn try_receive(&self) -> ReceiveOutcome;

    /// Resolves when a message or the end can be taken.
    fn readable(&self) -> FfiFuture<()>;

    /// Tells the sender that nobody listens any more.
    #[sabi(last_prefix_field)]
    fn close(&self);
}

/// An owned sending half.
pub type StreamSenderBox = StreamSender_TO<RBox<()>>;
/// An owned receiving half.
pub type StreamReceiverBox = StreamReceiver_TO<RBox<()>>;

/// One end of a stream: what this side may send, and what it receives.
#[repr(C)]
#[derive(StableAbi)]
pub struct Duplex {
    /// Towards the other side.
    pub sender: StreamSenderBox,
    /// From the other side.
    pub receiver: StreamReceiverBox,
}

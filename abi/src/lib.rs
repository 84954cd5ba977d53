//! The frozen contract between the loader and its plugins, version 1.0.
//!
//! # Trust
//!
//! A plugin is native code in the host's process: it can do whatever the host can. This boundary
//! protects both sides from *accidents* (another compiler, another interface version, a panic, a
//! value freed by the wrong allocator), not from malice.
//!
//! # Shape
//!
//! Two objects, one in each direction, with the same two verbs:
//!
//! | verb | answer |
//! | --- | --- |
//! | [`Plugin::call`], [`Host::call`] | a future of one [`Reply`] |
//! | [`Plugin::open`], [`Host::open`] | a duplex stream of [`Message`]s |
//!
//! Towards the host there are also [`Host::emit`] and [`Host::enabled`], which never wait: logs,
//! spans, metrics and panic reports. Everything else (HTTP requests, token streams, lifecycle,
//! host services) is an *operation name* over these verbs, so the surface never grows per
//! capability. Only bytes and names cross: no pointer, no file descriptor, no callback.
//!
//! # Life of a plugin
//!
//! 1. The host opens the image and checks [`PluginRoot`]'s layout in both directions ([`layout`]).
//! 2. [`PluginRoot::create`] makes one plugin of the image and hands it the [`Host`] object.
//! 3. `call(`[`operation::DESCRIBE`]`)`: both sides say what they speak.
//! 4. `call(`[`operation::REGISTER`]`)`, then `call(`[`operation::START`]`)`.
//! 5. `call(`[`operation::RUN`]`)`: one long call that drives the plugin's background work.
//! 6. Any number of calls and streams, from any number of threads.
//! 7. `call(`[`operation::DRAIN`]`)`, `call(`[`operation::STOP`]`)`, drop of the object.
//!
//! Ownership, threads, panics, cancelling, backpressure and the rules of evolution are in the
//! crate's `README.md`.
// The derive macros of abi_stable expand to inherent implementations inside constants and to type
// names of their own style.
#![allow(
    non_local_definitions,
    non_camel_case_types,
    reason = "expansions of abi_stable's derives"
)]

mod context;
mod emission;
mod error;
pub mod facts;
pub mod history;
mod host;
pub mod layout;
mod message;
pub mod operation;
mod plugin;
mod root;
mod stream;

pub use abi_stable;
pub use async_ffi;

pub use context::{CallContext, NO_DEADLINE, TraceContext};
pub use emission::{Emission, emission_kind, level};
pub use error::{CallError, class};
pub use host::{Host, Host_TO, HostBox, OpenFuture, Opened};
pub use message::{Field, Message, Metadata, Reply, message_kind};
pub use plugin::{CallFuture, HandleFuture, Plugin, Plugin_TO, PluginBox};
pub use root::{CreateResult, PluginRoot, PluginRoot_Ref};
pub use stream::{
    Duplex, End, ReceiveOutcome, SendOutcome, StreamReceiver, StreamReceiver_TO, StreamReceiverBox,
    StreamSender, StreamSender_TO, StreamSenderBox, end_reason, receive_status, send_status,
};

/// The version of this interface: major, minor. The major is frozen; the minor counts additions.
pub const ABI_VERSION: (u32, u32) = (1, 0);

/// [`ABI_VERSION`] as text, as it stands in manifests and in the metadata section.
pub const ABI_VERSION_TEXT: &str = "1.0";

/// The largest body of a call, a reply or a stream message, in bytes. Larger data streams.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How deep calls may nest from plugin to plugin before the host refuses the next one.
pub const MAX_DEPTH: u32 = 16;

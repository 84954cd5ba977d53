//! The object a plugin gives to the host.

use crate::{CallContext, CallError, Duplex, Metadata, Reply};
use abi_stable::{
    sabi_trait,
    std_types::{RBox, RResult, RStr, RVec},
};
use async_ffi::FfiFuture;

/// The answer to a call, in time.
pub type CallFuture = FfiFuture<RResult<Reply, RBox<CallError>>>;

/// The handling of one stream. It lives as long as the stream: its result is how the stream ended,
/// and dropping it cancels the handling.
pub type HandleFuture = FfiFuture<RResult<(), RBox<CallError>>>;

/// One plugin. Methods may be called from any of the generation's threads, at the same time.
///
/// Implementations must not unwind: they catch panics on entry, on every poll and on drop. The
/// SDK's adapter does.
#[sabi_trait]
pub trait Plugin: Send + Sync + 'static {
    /// Starts one operation. Must return quickly: the work belongs into the future.
    ///
    /// `operation` is borrowed for this call only; everything else is owned by the plugin. Dropping
    /// the future cancels the operation.
    fn call(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: Metadata,
        body: RVec<u8>,
    ) -> CallFuture;

    /// Starts the handling of one stream, whose ends belong to the host.
    ///
    /// The handler accepts by sending a [`HEAD`](crate::message_kind::HEAD) message first; a failure
    /// before that is the caller's error, one after it ends the stream with the error.
    #[sabi(last_prefix_field)]
    fn open(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: Metadata,
        body: RVec<u8>,
        stream: Duplex,
    ) -> HandleFuture;
}

/// An owned plugin.
pub type PluginBox = Plugin_TO<RBox<()>>;

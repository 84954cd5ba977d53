//! The object the host gives to a plugin.

use crate::{CallContext, CallError, CallFuture, Duplex, Emission, Metadata, Reply};
use abi_stable::{
    StableAbi, sabi_trait,
    std_types::{RBox, RResult, RStr, RVec},
};
use async_ffi::FfiFuture;

/// A stream the plugin opened: the answer's head, and the plugin's end.
#[repr(C)]
#[derive(StableAbi)]
pub struct Opened {
    /// The head of the answer.
    pub head: Reply,
    /// The plugin's end. Dropping it cancels what the other side still does.
    pub stream: Duplex,
}

/// The answer to [`Host::open`], in time.
pub type OpenFuture = FfiFuture<RResult<Opened, RBox<CallError>>>;

/// The host, as one plugin sees it. Methods may be called from any thread of the plugin.
///
/// Futures may be polled by any executor of the plugin; the host wakes them on a thread of the
/// plugin's generation. Dropping a future cancels the operation.
#[sabi_trait]
pub trait Host: Send + Sync + 'static {
    /// Asks the host for one operation: a service (`kv/1/get`) or another plugin's capability.
    ///
    /// In the context, the plugin sets the deadline, the trace and the idempotency key, and the
    /// `call_id` of the call it is serving (zero in background work), from which the host derives
    /// caller and depth itself.
    fn call(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: Metadata,
        body: RVec<u8>,
    ) -> CallFuture;

    /// The same, answered by a stream.
    fn open(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: Metadata,
        body: RVec<u8>,
    ) -> OpenFuture;

    /// Tells the host something. Never waits; what cannot be taken is dropped and counted.
    fn emit(&self, emission: Emission<'_>);

    /// Whether a log event or span of this level and target would be kept.
    #[sabi(last_prefix_field)]
    fn enabled(&self, level: u32, target: RStr<'_>) -> bool;
}

/// The owned host object of one plugin.
pub type HostBox = Host_TO<RBox<()>>;

//! What a plugin tells the host without waiting: logs, spans, metrics, panics.

use abi_stable::{
    StableAbi,
    std_types::{RSlice, RStr},
};

/// One observation. Borrowed: the host copies what it keeps before `emit` returns.
#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
pub struct Emission<'a> {
    /// What it is; see [`emission_kind`]. The host counts and drops kinds it does not know.
    pub kind: u32,
    /// The severity; see [`level`].
    pub level: u32,
    /// The call in whose course it happened, or zero for background work.
    pub call_id: u64,
    /// The plugin's own id of the span it concerns, or zero. Ids are unique within one plugin.
    pub span: u64,
    /// The span that encloses it, or zero when the call's own span does.
    pub parent: u64,
    /// The module path that emitted it.
    pub target: RStr<'a>,
    /// The span's or metric's name, or the log message.
    pub name: RStr<'a>,
    /// A JSON object of fields; empty when there are none.
    pub fields: RSlice<'a, u8>,
}

/// The kinds of [`Emission`]. The set is open.
pub mod emission_kind {
    /// A log event.
    pub const LOG: u32 = 0;
    /// A span opens.
    pub const SPAN_OPEN: u32 = 1;
    /// Fields are added to an open span.
    pub const SPAN_RECORD: u32 = 2;
    /// A span closes for good.
    pub const SPAN_CLOSE: u32 = 3;
    /// A counter grows by the field `value`.
    pub const COUNTER: u32 = 4;
    /// A gauge is set to the field `value`.
    pub const GAUGE: u32 = 5;
    /// A panic was contained; `name` is its message, the field `location` its place.
    pub const PANIC: u32 = 6;
}

/// Severity levels, most severe first.
pub mod level {
    /// Something failed.
    pub const ERROR: u32 = 1;
    /// Something looks wrong.
    pub const WARN: u32 = 2;
    /// Something worth knowing happened.
    pub const INFO: u32 = 3;
    /// For the author.
    pub const DEBUG: u32 = 4;
    /// For the author, in detail.
    pub const TRACE: u32 = 5;
}

//! The one error type of the boundary.

use abi_stable::{
    StableAbi,
    std_types::{ROption, RString, RVec},
};

/// Why a call failed. Always boxed across the boundary, so that the good path stays small.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The broad class; see [`class`]. Open: treat an unknown number as [`class::INTERNAL`].
    pub class: u32,
    /// A stable, machine-readable code such as `LDR-CALL-DEADLINE` or `rate_limited`.
    pub code: RString,
    /// What happened, for people: one sentence, no secret in it.
    pub message: RString,
    /// What to do about it; empty when there is nothing to say.
    pub hint: RString,
    /// Milliseconds after which trying again may help.
    pub retry_after_ms: ROption<u64>,
    /// A JSON object with the contract's details; empty when there are none.
    pub details: RVec<u8>,
    /// Where it arose: `host`, or `plugin:<id>`. The host overwrites what a plugin says.
    pub origin: RString,
}

/// The classes of [`CallError`]. Numbers are never reused.
pub mod class {
    /// Something the other classes do not cover: a defect of the callee.
    pub const INTERNAL: u32 = 0;
    /// The request itself is wrong.
    pub const INVALID: u32 = 1;
    /// The caller may not do this.
    pub const FORBIDDEN: u32 = 2;
    /// The thing asked for does not exist.
    pub const NOT_FOUND: u32 = 3;
    /// The request contradicts the present state.
    pub const CONFLICT: u32 = 4;
    /// A limit or quota is used up.
    pub const EXHAUSTED: u32 = 5;
    /// The callee, or what it needs, cannot be reached now.
    pub const UNAVAILABLE: u32 = 6;
    /// The deadline passed.
    pub const DEADLINE: u32 = 7;
    /// The caller went away.
    pub const CANCELLED: u32 = 8;
    /// The callee does not know this operation.
    pub const UNIMPLEMENTED: u32 = 9;
    /// The callee panicked; the panic was contained.
    pub const PANIC: u32 = 10;
    /// The caller's credentials were refused.
    pub const UNAUTHENTICATED: u32 = 11;

    /// The name of a class, for people and for JSON.
    pub fn name(class: u32) -> &'static str {
        match class {
            INVALID => "invalid",
            FORBIDDEN => "forbidden",
            NOT_FOUND => "not-found",
            CONFLICT => "conflict",
            EXHAUSTED => "exhausted",
            UNAVAILABLE => "unavailable",
            DEADLINE => "deadline",
            CANCELLED => "cancelled",
            UNIMPLEMENTED => "unimplemented",
            PANIC => "panic",
            UNAUTHENTICATED => "unauthenticated",
            _ => "internal",
        }
    }
}

impl CallError {
    /// An error with nothing but the essentials.
    pub fn new(class: u32, code: &str, message: impl Into<String>) -> Self {
        Self {
            class,
            code: code.into(),
            message: message.into().into(),
            hint: RString::new(),
            retry_after_ms: ROption::RNone,
            details: RVec::new(),
            origin: RString::new(),
        }
    }
}

//! `clock/1`: time and timers.
//!
//! | method | verb | request | answer |
//! | --- | --- | --- | --- |
//! | `now` | call | none | [`Now`] |
//! | `sleep` | call | [`Sleep`] | none, when the time has come |

use crate::contract_types;

/// The service's name.
pub const SERVICE: &str = "clock/1";

/// Methods.
pub mod method {
    /// What time it is.
    pub const NOW: &str = "now";
    /// Answers after a while.
    pub const SLEEP: &str = "sleep";
}

contract_types! {
    /// The answer to `now`.
    #[derive(Default)]
    pub struct Now {
        /// Milliseconds since 1970, as the wall clock says.
        pub unix_ms: u64,
        /// Nanoseconds of a clock that never goes back.
        pub monotonic_ns: u64,
    }

    /// The request of `sleep`.
    #[derive(Default)]
    pub struct Sleep {
        /// How long.
        pub duration_ms: u64,
    }
}

//! `[speech]`: who speaks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who speaks when a request names no provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Speech {
    /// Providers of speech, in the order they are tried: the next when one fails before it begins.
    pub providers: Vec<String>,
    /// Whether no other providers are tried. Otherwise those that `providers` does not name follow.
    pub only: bool,
    /// The longest a provider may take until its first piece of sound, and from one piece to the
    /// next, in milliseconds.
    #[schemars(range(min = 1))]
    pub timeout_ms: u64,
}

impl Default for Speech {
    fn default() -> Self {
        Self { providers: Vec::new(), only: false, timeout_ms: 20_000 }
    }
}

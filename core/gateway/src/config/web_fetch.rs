//! `[web_fetch]`: who fetches pages of the web, and which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who fetches pages of the web, and which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WebFetch {
    /// Providers, in the order they are tried: the next when one fails.
    pub providers: Vec<String>,
    /// Whether no other providers are tried. Otherwise those that `providers` does not name follow.
    pub only: bool,
    /// Whether addresses of this machine and of private networks may be fetched.
    #[schemars(extend("x-loader-trusted" = true))]
    pub allow_private: bool,
    /// The longest one provider may take, redirects included, in milliseconds.
    #[schemars(range(min = 1))]
    pub timeout_ms: u64,
    /// The most bytes of a page's content.
    #[schemars(range(min = 1, max = 262_144))]
    pub max_bytes: u64,
}

impl Default for WebFetch {
    fn default() -> Self {
        Self {
            providers: Vec::new(),
            only: false,
            allow_private: false,
            timeout_ms: 20_000,
            max_bytes: 262_144,
        }
    }
}

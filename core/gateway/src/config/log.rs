//! `[log]`: what is written to standard error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Log {
    /// Which events are logged: a level, or a list such as `info,loader_core=debug`. Plugins obey
    /// it too.
    pub filter: String,
    /// How each event is written.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// How a log event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object per line.
    Json,
}

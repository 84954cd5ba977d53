//! `[tasks.<id>]`: what the operator says of a scheduled task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One scheduled task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Task {
    /// Whether it runs by itself.
    pub enabled: bool,
    /// The time from one run to the next in milliseconds, in place of what the plugin says; 0 for a task
    /// that runs only when it is asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
}

impl Default for Task {
    fn default() -> Self {
        Self { enabled: true, interval_ms: None }
    }
}

//! `[plugins]`: which plugins may be loaded, from where, and how each one runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FreeTable;

/// Which plugins may be loaded, from where, and how each one runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Plugins {
    /// Whether any plugin is loaded at all.
    pub enabled: bool,
    /// Folders to look for plugins in, besides the bundled ones.
    #[schemars(extend(
        "x-loader-trusted" = true,
        "items" = { "type": "string", "format": "path" }
    ))]
    pub load_paths: Vec<PathBuf>,
    /// The folder of the bundled plugins. Unset means the one that came with the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-loader-trusted" = true, "format" = "path"))]
    pub bundled_dir: Option<PathBuf>,
    /// The ids of the only plugins that may be loaded. Empty means that any plugin may be.
    #[schemars(extend("x-loader-trusted" = true))]
    pub allow: Vec<String>,
    /// The ids of plugins that are never loaded. It wins over `allow` and over `entries`.
    #[schemars(extend("x-loader-trusted" = true))]
    pub deny: Vec<String>,
    /// Whose files are trusted.
    #[schemars(extend("x-loader-trusted" = true))]
    pub trust: Trust,
    /// Settings of single plugins, by plugin id.
    pub entries: BTreeMap<String, PluginEntry>,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            enabled: true,
            load_paths: Vec::new(),
            bundled_dir: None,
            allow: Vec::new(),
            deny: Vec::new(),
            trust: Trust::default(),
            entries: BTreeMap::new(),
        }
    }
}

/// Whose files are trusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Trust {
    /// The numeric ids of users that may own plugin files, besides root and the user who runs
    /// loader.
    pub owners: Vec<u32>,
}

/// How one plugin runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PluginEntry {
    /// Whether the plugin is loaded. Unset means that it is. `plugins.deny`, and `plugins.allow` when
    /// it is not empty, decide before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Where the plugin's code runs.
    pub placement: Placement,
    /// How many threads the plugin's generation owns in the `thread` placement.
    #[schemars(range(min = 1, max = 256))]
    pub threads: u32,
    /// How many calls may run in the plugin at once. Further ones are refused as exhausted.
    #[schemars(range(min = 1))]
    pub max_concurrent_calls: u32,
    /// The longest a call may take when its caller sets no deadline, in milliseconds.
    #[schemars(range(min = 1))]
    pub call_timeout_ms: u64,
    /// When calls to a failing plugin are refused at once.
    pub breaker: Breaker,
    /// The plugin's own settings. Its schema says which keys there are.
    pub config: FreeTable,
}

impl Default for PluginEntry {
    fn default() -> Self {
        Self {
            enabled: None,
            placement: Placement::Thread,
            threads: 1,
            max_concurrent_calls: 1024,
            call_timeout_ms: 60_000,
            breaker: Breaker::default(),
            config: FreeTable::default(),
        }
    }
}

/// Where a plugin's code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// On threads of its own: it can be unloaded for good.
    Thread,
    /// On the host's own workers: the lowest latency, but it is never unloaded.
    Inline,
}

/// When calls to a failing plugin are refused at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Breaker {
    /// How many calls in a row must fail before further ones are refused.
    #[schemars(range(min = 1))]
    pub failures: u32,
    /// How long calls are refused before one is let through to try again, in milliseconds.
    pub cooldown_ms: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, cooldown_ms: 10_000 }
    }
}

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
    /// The folder that `loader plugins install` manages. Unset means `~/.local/share/loader/plugins`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-loader-trusted" = true, "format" = "path"))]
    pub user_dir: Option<PathBuf>,
    /// Workspaces whose `.loader/plugins` is looked in. Each plugin there is off until its entry
    /// switches it on.
    #[schemars(extend(
        "x-loader-trusted" = true,
        "items" = { "type": "string", "format": "path" }
    ))]
    pub workspaces: Vec<PathBuf>,
    /// Index files that `plugins install ID` and `plugins search` look in: paths or `http(s)://`
    /// addresses, in order of precedence.
    #[schemars(extend(
        "x-loader-trusted" = true,
        "items" = { "type": "string", "format": "path-or-url" }
    ))]
    pub catalogues: Vec<String>,
    /// Which plugin fills a slot that only one can fill, by the slot's name; `none` for nobody.
    #[schemars(extend("x-loader-trusted" = true))]
    pub slots: BTreeMap<String, String>,
    /// Whose files are trusted.
    #[schemars(extend("x-loader-trusted" = true))]
    pub trust: Trust,
    /// How plugins are replaced while they serve.
    pub reload: Reload,
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
            user_dir: None,
            workspaces: Vec::new(),
            catalogues: Vec::new(),
            slots: BTreeMap::new(),
            trust: Trust::default(),
            reload: Reload::default(),
            entries: BTreeMap::new(),
        }
    }
}

/// Whose files are trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Trust {
    /// The numeric ids of users that may own plugin files, besides root and the user who runs
    /// loader.
    pub owners: Vec<u32>,
    /// Libraries that plugins may need, by file name such as `libsqlite3.so.0`, besides those of the
    /// C run-time system.
    pub libraries: Vec<String>,
    /// Whether a plugin must be signed by one of the publishers below. Bundled plugins need not be.
    pub signatures: Signatures,
    /// Whose signatures count, by a name you choose.
    pub publishers: BTreeMap<String, Publisher>,
    /// SHA-256 digests of libraries and manifests that never run, whatever else speaks for them.
    #[schemars(extend("items" = { "type": "string", "format": "sha256" }))]
    pub denied: Vec<String>,
    /// What becomes of plugins nobody installed, in the folder that `plugins install` manages.
    pub untracked: Untracked,
    /// Whether an update that registers or requires more than was agreed to needs `--accept`.
    pub consent: Consent,
    /// How long a library that is new to this machine may take to open in the process that tries it,
    /// in milliseconds.
    #[schemars(range(min = 1))]
    pub probe_timeout_ms: u64,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            owners: Vec::new(),
            libraries: Vec::new(),
            signatures: Signatures::default(),
            publishers: BTreeMap::new(),
            denied: Vec::new(),
            untracked: Untracked::default(),
            consent: Consent::default(),
            probe_timeout_ms: 5_000,
        }
    }
}

/// Whether a plugin must be signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signatures {
    /// A signature is checked where there is one of a known publisher.
    #[default]
    Optional,
    /// What no known publisher signed is refused.
    Required,
}

/// Whose signatures count, and for which plugins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Publisher {
    /// minisign public keys, such as `RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3`. Two
    /// while one replaces the other.
    #[schemars(extend("items" = { "type": "string", "format": "minisign-key" }))]
    pub keys: Vec<String>,
    /// Ids of the plugins it may sign; a `*` at the end stands for any ending. Empty means any.
    pub plugins: Vec<String>,
    /// Whether the plugins named above must be signed, even where others need not be.
    pub signatures: Signatures,
}

/// What becomes of plugins nobody installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Untracked {
    /// They are loaded with a warning.
    #[default]
    Warn,
    /// They are refused.
    Refuse,
}

/// What an update may do that registers or requires more than was agreed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// It is refused until it is run with `--accept`.
    #[default]
    Ask,
    /// It is accepted and shown.
    Accept,
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

/// How plugins are replaced while they serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Reload {
    /// Whether a plugin is replaced when its files change. Counts at the start.
    pub watch: bool,
    /// How long a fresh generation is watched after it took over, in milliseconds; zero means not at
    /// all. Until then the old one can come back.
    pub window_ms: u64,
    /// So many failures of a fresh generation by its own fault bring the old one back; zero means none
    /// do.
    pub failures: u32,
    /// So many times the old generation's median latency bring it back; zero means latency does not
    /// count.
    pub slowdown: u32,
    /// How long a fresh generation may take to say that it is ready, in milliseconds.
    #[schemars(range(min = 1))]
    pub check_ms: u64,
    /// How long calls are kept waiting for state to be handed over, in milliseconds; each of its steps
    /// may take so long.
    #[schemars(range(min = 1))]
    pub hold_ms: u64,
    /// How long calls and streams of the old generation may go on, in milliseconds.
    pub drain_ms: u64,
    /// How many generations that cannot leave the process are borne before reloads are refused.
    pub max_retained: u32,
}

impl Default for Reload {
    fn default() -> Self {
        Self {
            watch: true,
            window_ms: 5_000,
            failures: 3,
            slowdown: 20,
            check_ms: 5_000,
            hold_ms: 2_000,
            drain_ms: 30_000,
            max_retained: 64,
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

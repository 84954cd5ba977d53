//! What an embedding program decides.

use super::{Activation, Enablement};
use crate::{
    crash::Crash,
    discovery::{Candidate, Root},
    dispatch::CallPolicy,
    emission::LogFilter,
    generation::Placement,
    probe::Probe,
    registry::Contracts,
    reload::CanaryPolicy,
    service::Services,
    trust::Trust,
    vetting::Advise,
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// Told of every plugin whose code passed the gate and is about to be started, on a thread that may
/// wait.
pub type BeforeStart = Arc<dyn Fn(&Candidate) + Send + Sync>;

/// What an embedding program decides.
#[derive(Clone)]
pub struct Options {
    /// Where the engine keeps its private copies of libraries.
    pub state_dir: PathBuf,
    /// Where plugins are looked for, in order of precedence.
    pub roots: Vec<Root>,
    /// Which plugins may be loaded.
    pub enablement: Enablement,
    /// Which of those are opened at once.
    pub activation: Activation,
    /// Settings of single plugins, by id.
    pub plugins: BTreeMap<String, PluginOptions>,
    /// What plugins may ask of the host.
    pub services: Services,
    /// The contracts the program consumes, and what they say of clashes.
    pub contracts: Contracts,
    /// What the program has to say of a plugin, by its manifest.
    pub advise: Option<Advise>,
    /// The program's name and version, as plugins see them.
    pub host: String,
    /// Says which logs of plugins are wanted; by default, those `tracing` wants.
    pub log_filter: Option<LogFilter>,
    /// Whom and what the operator trusts.
    pub trust: Trust,
    /// The build of the host, for one that remembers in its state folder what it found in libraries, so
    /// that [`survey`](crate::survey) reads only those that changed. What is loaded is read always.
    pub index: Option<String>,
    /// How libraries are tried before they are opened. Without it they are not tried, and a
    /// constructor that crashes takes the program along.
    pub probe: Option<Probe>,
    /// What is done about crashes. Without it none is recorded, and the signals are left alone.
    pub crash: Option<Crash>,
    /// What is to be done before a plugin is started: what it may ask for at once, say.
    pub before_start: Option<BeforeStart>,
    /// How long each step of a plugin's beginning may take.
    pub start_timeout: Duration,
    /// How long each step of a plugin's end may take.
    pub stop_timeout: Duration,
    /// How long all threads of a plugin may be inside one poll before a fresh generation takes over.
    pub stuck_timeout: Duration,
    /// How plugins are replaced.
    pub reload: ReloadOptions,
}

impl Options {
    /// Defaults for everything but the state folder and the roots.
    pub fn new(state_dir: PathBuf, roots: Vec<Root>) -> Self {
        Self {
            state_dir,
            roots,
            enablement: Enablement::default(),
            activation: Activation::default(),
            plugins: BTreeMap::new(),
            services: Services::default(),
            contracts: Contracts::new(),
            advise: None,
            host: format!("loader-core {}", env!("CARGO_PKG_VERSION")),
            log_filter: None,
            trust: Trust::default(),
            index: None,
            probe: None,
            crash: None,
            before_start: None,
            start_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(5),
            stuck_timeout: Duration::from_secs(10),
            reload: ReloadOptions::default(),
        }
    }

    /// The settings of a plugin; the defaults for one of which nothing is said.
    pub(super) fn settings(&self, id: &str) -> PluginOptions {
        self.plugins.get(id).cloned().unwrap_or_default()
    }
}

/// How plugins are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReloadOptions {
    /// How a fresh generation is watched after it took over.
    pub canary: CanaryPolicy,
    /// How long a fresh generation may take to say that it is ready.
    pub check: Duration,
    /// How long calls may be kept waiting for a handover of state; each of its steps may take so long.
    pub hold: Duration,
    /// How long what the old generation still does may go on.
    pub drain: Duration,
    /// How many generations that could not leave the process there may be.
    pub most_retained: usize,
}

impl Default for ReloadOptions {
    fn default() -> Self {
        Self {
            canary: CanaryPolicy::default(),
            check: Duration::from_secs(5),
            hold: Duration::from_secs(2),
            drain: Duration::from_secs(30),
            most_retained: 64,
        }
    }
}

/// Settings of one plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginOptions {
    /// Where its code runs.
    pub placement: Placement,
    /// How it may be called.
    pub calls: CallPolicy,
    /// Its configuration: a JSON object.
    pub config: serde_json::Value,
}

impl Default for PluginOptions {
    fn default() -> Self {
        Self {
            placement: Placement::Thread { threads: 1 },
            calls: CallPolicy::default(),
            config: serde_json::Value::Object(serde_json::Map::new()),
        }
    }
}

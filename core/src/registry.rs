//! What is served now: immutable snapshots, swapped whole.

mod conflicts;
mod snapshot;
mod terms;

pub use snapshot::Snapshot;
pub use terms::{Contracts, Exclusive, Terms};

pub(crate) use conflicts::{Claimant, settle};

use crate::{
    diagnostic::Diagnostic,
    discovery::{Candidate, Origin},
    dispatch::Served,
    generation::Placement,
    skill::Skill,
};
use arc_swap::ArcSwap;
use serde::Serialize;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;
use tracing::{error, warn};

/// The registry. Readers never wait; writers make a new snapshot.
pub struct Registry {
    contracts: Contracts,
    now: ArcSwap<Snapshot>,
    writing: Mutex<()>,
    version: watch::Sender<u64>,
}

/// One plugin, whether it is served or not.
#[derive(Clone, Serialize)]
pub struct PluginRecord {
    /// The plugin's id.
    pub id: String,
    /// What it is made of: a `plugin` of code, a `bundle` of nothing but files.
    pub kind: &'static str,
    /// Its version.
    pub version: String,
    /// What it says of itself.
    pub description: String,
    /// Which kind of root it came from.
    pub origin: Origin,
    /// What it was installed from, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its folder.
    pub folder: PathBuf,
    /// The digest of its library, or of a bundle's manifest, in hexadecimal.
    pub digest: Option<String>,
    /// Whether it is served.
    pub status: Status,
    /// Where its code runs.
    pub placement: Option<Placement>,
    /// The number of the generation that serves.
    pub generation: Option<u64>,
    /// What its manifest declares, as `contract:id`. Whether it has it is known to the
    /// [snapshot](Snapshot::owner).
    pub provides: Vec<String>,
    /// What it registered when it was started, as `contract:id`; nothing while it is not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered: Option<Vec<String>>,
    /// The skills it brings, if it is a bundle that is ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<Skill>,
    /// What there is to say about it, and about what it claims and others keep.
    pub diagnostics: Vec<Diagnostic>,
    /// What there is to say about it alone.
    #[serde(skip)]
    pub(crate) findings: Vec<Diagnostic>,
    /// Where it was found, and what its manifest says.
    #[serde(skip)]
    pub(crate) candidate: Candidate,
    /// How to call it. With it, the plugin claims what its manifest declares.
    #[serde(skip)]
    pub(crate) served: Option<Arc<Served>>,
}

/// Whether a plugin is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It answers.
    Served,
    /// It is not open, and will be by the first call to it.
    Dormant,
    /// It is a bundle: its files can be used, and there is nothing to answer.
    Ready,
    /// It is switched off.
    Disabled,
    /// It was refused or failed; the diagnostics say why.
    Failed,
    /// It was stopped, by itself or with the engine: its release was removed, say.
    Stopped,
}

/// One capability that is served, by a plugin that may be dormant.
#[derive(Clone)]
pub struct Capability {
    /// The contract with its major version.
    pub contract: String,
    /// The capability's id.
    pub id: String,
    /// The plugin that provides it.
    pub plugin: String,
    /// What else it answers to.
    pub aliases: Vec<String>,
    /// Where it is listed: the lowest first.
    pub order: i64,
    /// What the manifest says of it beyond its id.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    pub(crate) served: Arc<Served>,
}

impl Registry {
    pub(crate) fn new(contracts: Contracts) -> Self {
        let (now, writing) = (ArcSwap::default(), Mutex::new(()));
        Self { contracts, now, writing, version: watch::Sender::new(0) }
    }

    /// What is served now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.now.load_full()
    }

    /// Changes whenever the snapshot does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Publishes what is there once more, to measure what that costs readers.
    #[doc(hidden)]
    pub fn republish(&self) {
        self.publish(|_| ());
    }

    /// Makes a new snapshot out of the present one and publishes it.
    pub(crate) fn publish<R>(&self, change: impl FnOnce(&mut Snapshot) -> R) -> R {
        let _writing = self.writing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let before = self.now.load_full();
        let mut next = Snapshot::clone(&before);
        let result = change(&mut next);
        next.settle(&self.contracts);
        let conflicts = next.conflicts().iter();
        conflicts.filter(|one| !before.conflicts().contains(one)).for_each(log);
        self.now.store(Arc::new(next));
        self.version.send_modify(|version| *version += 1);
        result
    }
}

fn log(conflict: &Diagnostic) {
    let Diagnostic { code, plugin, hint, .. } = conflict;
    if conflict.is_error() {
        error!(plugin, code, hint, "{conflict}");
    } else {
        warn!(plugin, code, hint, "{conflict}");
    }
}

//! What is served now: immutable snapshots, swapped whole.

use crate::{
    diagnostic::Diagnostic, discovery::Origin, dispatch::Served, generation::Placement,
    skill::Skill,
};
use arc_swap::ArcSwap;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// The registry. Readers never wait; writers make a new snapshot.
pub struct Registry {
    now: ArcSwap<Snapshot>,
    writing: Mutex<()>,
    version: watch::Sender<u64>,
}

/// What is served at one moment.
#[derive(Clone, Default)]
pub struct Snapshot {
    plugins: BTreeMap<String, Arc<PluginRecord>>,
    capabilities: BTreeMap<String, BTreeMap<String, Arc<Capability>>>,
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
    /// What it provides, as `contract:id`.
    pub provides: Vec<String>,
    /// The skills it brings, if it is a bundle that is ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<Skill>,
    /// What there is to say about it.
    pub diagnostics: Vec<Diagnostic>,
    /// How to call it.
    #[serde(skip)]
    pub(crate) served: Option<Arc<Served>>,
}

/// Whether a plugin is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It answers.
    Served,
    /// It is a bundle: its files can be used, and there is nothing to answer.
    Ready,
    /// It is switched off.
    Disabled,
    /// It was refused or failed; the diagnostics say why.
    Failed,
    /// It was stopped, by itself or with the engine: its release was removed, say.
    Stopped,
}

/// One capability that is served.
#[derive(Clone)]
pub struct Capability {
    /// The contract with its major version.
    pub contract: String,
    /// The capability's id.
    pub id: String,
    /// The plugin that provides it.
    pub plugin: String,
    /// What the manifest says of it beyond its id.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    pub(crate) served: Arc<Served>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { now: ArcSwap::default(), writing: Mutex::new(()), version: watch::Sender::new(0) }
    }
}

impl Registry {
    /// What is served now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.now.load_full()
    }

    /// Changes whenever the snapshot does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Makes a new snapshot out of the present one and publishes it.
    pub(crate) fn publish<R>(&self, change: impl FnOnce(&mut Snapshot) -> R) -> R {
        let _writing = self.writing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut next = (**self.now.load()).clone();
        let result = change(&mut next);
        self.now.store(Arc::new(next));
        self.version.send_modify(|version| *version += 1);
        result
    }
}

impl Snapshot {
    /// Every plugin, by id.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<PluginRecord>> {
        self.plugins.values()
    }

    /// One plugin.
    pub fn plugin(&self, id: &str) -> Option<&Arc<PluginRecord>> {
        self.plugins.get(id)
    }

    /// Every capability of a contract, by id.
    pub fn capabilities(&self, contract: &str) -> impl Iterator<Item = &Arc<Capability>> {
        self.capabilities.get(contract).into_iter().flat_map(BTreeMap::values)
    }

    /// One capability.
    pub fn capability(&self, contract: &str, id: &str) -> Option<&Arc<Capability>> {
        self.capabilities.get(contract)?.get(id)
    }

    pub(crate) fn put(&mut self, record: PluginRecord) {
        self.plugins.insert(record.id.clone(), Arc::new(record));
    }

    pub(crate) fn update(&mut self, id: &str, change: impl FnOnce(&mut PluginRecord)) {
        if let Some(record) = self.plugins.get_mut(id) {
            change(Arc::make_mut(record));
        }
    }

    /// Adds a capability; the error is the plugin that has it already and keeps it.
    pub(crate) fn provide(&mut self, capability: Capability) -> Result<(), String> {
        let ids = self.capabilities.entry(capability.contract.clone()).or_default();
        match ids.get(&capability.id) {
            Some(present) if present.plugin != capability.plugin => Err(present.plugin.clone()),
            _ => {
                ids.insert(capability.id.clone(), Arc::new(capability));
                Ok(())
            }
        }
    }

    /// Takes every capability of a plugin away.
    pub(crate) fn withdraw(&mut self, plugin: &str) {
        for ids in self.capabilities.values_mut() {
            ids.retain(|_, capability| capability.plugin != plugin);
        }
        self.capabilities.retain(|_, ids| !ids.is_empty());
    }
}

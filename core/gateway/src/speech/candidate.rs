//! One who can speak, by what its manifest says.

use crate::providers;
use loader_contract::speech::{CONTRACT, Provider};
use loader_core::{Capability, Snapshot};

/// One that can be asked.
#[derive(Debug, PartialEq)]
pub(super) struct Candidate {
    /// Its capability id.
    pub(super) id: String,
    /// The plugin.
    pub(super) plugin: String,
    label: String,
    methods: Vec<String>,
}

/// Who can be asked, in the order of [`providers::in_order`].
pub(super) fn in_order(snapshot: &Snapshot, named: &[String], only: bool) -> Vec<Candidate> {
    let order = providers::in_order(snapshot, CONTRACT, named, only);
    order.iter().map(|one| Candidate::of(one)).collect()
}

impl Candidate {
    fn of(capability: &Capability) -> Self {
        let attribute = |name| capability.attributes.get(name);
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let methods = attribute("methods").and_then(|methods| methods.as_array());
        Self {
            id: capability.id.clone(),
            plugin: capability.plugin.clone(),
            label: attribute("label").and_then(text).unwrap_or_default(),
            methods: methods.into_iter().flatten().filter_map(text).collect(),
        }
    }

    /// Whether it answers a method that not everybody has to answer.
    pub(super) fn answers(&self, method: &str) -> bool {
        self.methods.iter().any(|one| one == method)
    }
}

impl From<Candidate> for Provider {
    fn from(candidate: Candidate) -> Self {
        let Candidate { id, plugin, label, methods } = candidate;
        Self { id, plugin, label, methods }
    }
}

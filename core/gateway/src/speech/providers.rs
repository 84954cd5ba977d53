//! Who can speak, in the order in which they are asked.

use crate::config;
use loader_contract::speech::{CONTRACT, Provider};
use loader_core::{Capability, Snapshot};
use std::sync::Arc;
use tracing::warn;

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

/// Those that the operator names, in that order, and then, unless only these are wanted, the others in the
/// registry's order.
pub(super) fn in_order(snapshot: &Snapshot, wanted: &config::Speech) -> Vec<Candidate> {
    let mut order: Vec<&Arc<Capability>> = Vec::new();
    for name in &wanted.providers {
        match snapshot.capability(CONTRACT, name) {
            Some(named) if order.iter().all(|one| one.id != named.id) => order.push(named),
            Some(_) => {}
            None => {
                let code = "LDR-SPEECH-UNKNOWN";
                warn!(provider = name, code, "no plugin provides what `speech.providers` names");
            }
        }
    }
    if !wanted.only {
        for other in snapshot.capabilities(CONTRACT) {
            if order.iter().all(|one| one.id != other.id) {
                order.push(other);
            }
        }
    }
    order.into_iter().map(|one| Candidate::of(one)).collect()
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

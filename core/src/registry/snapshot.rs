//! What is served at one moment, and whose it is.

use super::{Capability, Contracts, PluginRecord, conflicts};
use crate::diagnostic::Diagnostic;
use std::{collections::BTreeMap, sync::Arc};

/// What is served at one moment.
#[derive(Clone, Default)]
pub struct Snapshot {
    plugins: BTreeMap<String, Arc<PluginRecord>>,
    /// Follows from the records; by contract.
    shelves: BTreeMap<String, Shelf>,
    /// Follows from the records.
    conflicts: Vec<Diagnostic>,
}

/// The capabilities of one contract.
#[derive(Clone, Default)]
struct Shelf {
    /// In the order in which they are shown.
    listed: Vec<Arc<Capability>>,
    /// By their ids and aliases.
    named: BTreeMap<String, Arc<Capability>>,
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

    /// Every capability of a contract, in the order its plugins ask for, and then by id.
    pub fn capabilities(&self, contract: &str) -> impl Iterator<Item = &Arc<Capability>> {
        self.shelves.get(contract).into_iter().flat_map(|shelf| &shelf.listed)
    }

    /// One capability, by its id or an alias.
    pub fn capability(&self, contract: &str, id: &str) -> Option<&Arc<Capability>> {
        self.shelves.get(contract)?.named.get(id)
    }

    /// The plugin that has this id or alias of a contract.
    pub fn owner(&self, contract: &str, id: &str) -> Option<&str> {
        self.capability(contract, id).map(|capability| capability.plugin.as_str())
    }

    /// Every capability that a plugin has, by contract.
    pub fn owned_by(&self, plugin: &str) -> impl Iterator<Item = &Arc<Capability>> {
        let listed = self.shelves.values().flat_map(|shelf| &shelf.listed);
        listed.filter(move |capability| capability.plugin == plugin)
    }

    /// What plugins claim and others keep.
    pub fn conflicts(&self) -> &[Diagnostic] {
        &self.conflicts
    }

    pub(crate) fn put(&mut self, record: PluginRecord) {
        self.plugins.insert(record.id.clone(), Arc::new(record));
    }

    pub(crate) fn update(&mut self, id: &str, change: impl FnOnce(&mut PluginRecord)) {
        if let Some(record) = self.plugins.get_mut(id) {
            change(Arc::make_mut(record));
        }
    }

    /// Works out what follows from the records.
    pub(super) fn settle(&mut self, contracts: &Contracts) {
        let claimants = self.plugins.values().filter(|record| record.served.is_some());
        let settled = conflicts::settle(claimants.map(|record| (&**record).into()), contracts);
        let mut shelves: BTreeMap<String, Shelf> = BTreeMap::new();
        for owned in settled.owned {
            let Some(served) = &self.plugins[owned.plugin].served else { continue };
            let capability = Arc::new(Capability {
                contract: owned.provided.contract.to_string(),
                id: owned.provided.id.clone(),
                plugin: owned.plugin.to_owned(),
                aliases: owned.aliases.into_iter().map(str::to_owned).collect(),
                order: owned.provided.order(),
                attributes: owned.provided.attributes.clone(),
                served: served.clone(),
            });
            let shelf = shelves.entry(capability.contract.clone()).or_default();
            let names = [&capability.id].into_iter().chain(&capability.aliases).cloned();
            shelf.named.extend(names.map(|name| (name, capability.clone())));
            shelf.listed.push(capability);
        }
        for shelf in shelves.values_mut() {
            shelf.listed.sort_by(|one, other| (one.order, &one.id).cmp(&(other.order, &other.id)));
        }
        self.conflicts = settled.conflicts;
        self.shelves = shelves;
        self.tell();
    }

    /// Enters what others keep into the records of those who lost it.
    fn tell(&mut self) {
        let mut lost: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
        for conflict in &self.conflicts {
            lost.entry(conflict.plugin.as_deref().unwrap_or_default()).or_default().push(conflict);
        }
        for (id, record) in &mut self.plugins {
            let lost = lost.remove(id.as_str()).unwrap_or_default();
            if !record.findings.iter().chain(lost.iter().copied()).eq(&record.diagnostics) {
                let record = Arc::make_mut(record);
                record.diagnostics.clone_from(&record.findings);
                record.diagnostics.extend(lost.into_iter().cloned());
            }
        }
    }
}

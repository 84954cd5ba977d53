//! Which secrets each plugin may fetch, besides those its own configuration names.

use crate::{config::Config, difference};
use loader_contract::channel;
use loader_core::{
    Snapshot,
    discovery::Candidate,
    services::{
        SecretSource,
        secrets::{Secrets, by_default, references},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

/// The names of secrets, by plugin.
type Permitted = BTreeMap<String, BTreeSet<String>>;

/// What plugins may fetch: it follows the plugins that are started and the configuration.
pub(crate) struct Permissions {
    secrets: Arc<Secrets>,
    state: Mutex<State>,
}

struct State {
    source: Arc<dyn SecretSource>,
    /// What plugins' configurations name by default: an operator who leaves `api_key` alone means the
    /// default's `secret:<name>`, which then stands in the schema only.
    by_default: Permitted,
}

impl Permissions {
    pub(crate) fn new(secrets: Arc<Secrets>, source: Arc<dyn SecretSource>) -> Self {
        Self { secrets, state: Mutex::new(State { source, by_default: Permitted::new() }) }
    }

    /// Lets a plugin that is about to be started fetch what its schema names by default, beside what
    /// the one before it could: that one may serve on. Blocking.
    pub(crate) fn expect(&self, candidate: &Candidate) {
        let names = by_default(candidate);
        if names.is_empty() {
            return;
        }
        let mut state = self.state();
        state.by_default.entry(candidate.id().to_owned()).or_default().extend(names.clone());
        self.secrets.allow(candidate.id(), names);
    }

    /// Takes secrets from elsewhere.
    pub(crate) fn turn_to(&self, source: Arc<dyn SecretSource>) -> Arc<dyn SecretSource> {
        std::mem::replace(&mut self.state().source, source)
    }

    /// Lets each plugin fetch what the accounts of its channels name, and nothing of what they named
    /// before.
    pub(crate) fn renew(&self, snapshot: &Snapshot, config: &Config) {
        let state = self.state();
        let mut permitted = state.by_default.clone();
        for ((channel, _), account) in difference::connected(config) {
            let Some(capability) = snapshot.capability(channel::CONTRACT, channel) else {
                continue;
            };
            let settings = account.settings_json();
            let names = references(&settings).into_iter().map(str::to_owned);
            permitted.entry(capability.plugin.clone()).or_default().extend(names);
        }
        self.secrets.replace(state.source.clone(), permitted);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

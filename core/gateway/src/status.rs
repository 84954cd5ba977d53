//! How the gateway and its plugins are doing, for the operator. No plugin is asked.

use crate::AccountView;
use loader_core::{Engine, PluginRecord, PluginStats, Retained, pthread_keys_in_use};
use serde::Serialize;

/// How the gateway and its plugins are doing.
#[derive(Clone, Serialize)]
pub struct GatewayStatus {
    /// The program and its version.
    pub release: String,
    /// Every plugin, by id, whether it is served or not.
    pub plugins: Vec<PluginStatus>,
    /// Generations that could not leave the process, and why.
    pub retained: Vec<Retained>,
    /// The channels' accounts.
    pub accounts: Vec<AccountView>,
    /// What of the process generations take up that cannot leave.
    pub process: Process,
}

/// What of the process generations take up that cannot leave.
#[derive(Clone, Serialize)]
pub struct Process {
    /// Thread-local keys in use, of 1,024; `None` where they are not counted.
    pub thread_local_keys: Option<usize>,
    /// Generations that could not leave.
    pub retained: usize,
    /// How many of them are borne before reloads are refused.
    pub most_retained: usize,
}

/// How one plugin is doing.
#[derive(Clone, Serialize)]
pub struct PluginStatus {
    /// What it is, and whether it is served.
    #[serde(flatten)]
    pub record: PluginRecord,
    /// Its calls; `None` while it is not served.
    pub stats: Option<PluginStats>,
}

/// Looks at everything there is.
pub(crate) fn of(engine: &Engine, release: &str, accounts: Vec<AccountView>) -> GatewayStatus {
    let (snapshot, stats) = (engine.snapshot(), engine.stats());
    let plugins = snapshot.plugins().map(|record| PluginStatus {
        record: (**record).clone(),
        stats: stats.iter().find(|stats| stats.plugin == record.id).cloned(),
    });
    let plugins = plugins.collect();
    let retained = engine.retained();
    let process = Process {
        thread_local_keys: pthread_keys_in_use(),
        retained: retained.len(),
        most_retained: engine.options().reload.most_retained,
    };
    GatewayStatus { release: release.to_owned(), plugins, retained, accounts, process }
}

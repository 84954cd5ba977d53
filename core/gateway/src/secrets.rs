//! Which secrets each plugin may fetch, besides those its own configuration names.

use crate::{config::Config, difference};
use loader_contract::channel;
use loader_core::{Snapshot, discovery::Candidate, services::secrets::references};
use std::collections::{BTreeMap, BTreeSet};

/// The names of secrets, by plugin.
pub(crate) type Permitted = BTreeMap<String, BTreeSet<String>>;

/// The largest schema file that is read, in bytes.
const MAX_SCHEMA_BYTES: u64 = 1024 * 1024;

/// The secrets that plugins' configurations name by default: an operator who leaves `api_key` alone
/// means the default's `secret:<name>`, which then stands in the schema only. Blocking.
pub(crate) fn by_default(candidates: &[Candidate]) -> Permitted {
    let named = candidates.iter().filter_map(|candidate| {
        let file = candidate.spec().config.schema.as_ref()?;
        let text = candidate.read(file, MAX_SCHEMA_BYTES).ok()?;
        let schema: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let names = references(&schema).into_iter().map(str::to_owned).collect();
        Some((candidate.id().to_owned(), names))
    });
    named.collect()
}

/// Those, and the ones that the accounts of each plugin's channels name.
pub(crate) fn permitted(by_default: &Permitted, snapshot: &Snapshot, config: &Config) -> Permitted {
    let mut permitted = by_default.clone();
    for ((channel, _), account) in difference::connected(config) {
        let Some(capability) = snapshot.capability(channel::CONTRACT, channel) else { continue };
        let settings = account.settings_json();
        let names = references(&settings).into_iter().map(str::to_owned);
        permitted.entry(capability.plugin.clone()).or_default().extend(names);
    }
    permitted
}

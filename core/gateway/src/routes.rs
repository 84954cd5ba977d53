//! Which plugin answers a path.

use arc_swap::ArcSwapOption;
use loader_contract::http_route::{CONTRACT, STATUS, method};
use loader_core::{
    CallOptions, Engine, Judgement, Snapshot, Target,
    message::{Failure, Metadata, Reply},
};
use std::sync::Arc;
use tracing::warn;

/// Prefixes the gateway answers itself.
const RESERVED: [&str; 3] = ["/v1", "/health", "/admin"];

/// The plugin that answers a path, and the path below the plugin's prefix.
pub struct Route {
    entry: Arc<Entry>,
    /// The path below the prefix; begins with `/`.
    pub path: String,
}

struct Entry {
    prefix: String,
    target: Target,
}

/// The routes of one snapshot of the registry.
struct Table {
    snapshot: Arc<Snapshot>,
    /// The longest prefixes first.
    entries: Vec<Arc<Entry>>,
}

/// Finds routes; keeps the table of the newest snapshot.
#[derive(Default)]
pub(crate) struct Routes(ArcSwapOption<Table>);

impl Routes {
    /// The plugin whose prefix is the longest that the path lies under.
    pub(crate) fn find(&self, engine: &Engine, path: &str) -> Option<Route> {
        let snapshot = engine.snapshot();
        let table = match self.0.load_full() {
            Some(table) if Arc::ptr_eq(&table.snapshot, &snapshot) => table,
            _ => {
                let table = Arc::new(build(engine, snapshot));
                self.0.store(Some(table.clone()));
                table
            }
        };
        table.entries.iter().find_map(|entry| {
            let rest = path.strip_prefix(&entry.prefix)?;
            let below = match rest.chars().next() {
                None => "/".to_owned(),
                Some('/') => rest.to_owned(),
                Some(_) => return None,
            };
            Some(Route { entry: entry.clone(), path: below })
        })
    }
}

fn build(engine: &Engine, snapshot: Arc<Snapshot>) -> Table {
    let mut entries: Vec<Arc<Entry>> = Vec::new();
    for capability in snapshot.capabilities(CONTRACT) {
        let said = capability.attributes.get("prefix").and_then(|prefix| prefix.as_str());
        let prefix = said.map_or_else(|| format!("/{}", capability.id), str::to_owned);
        let prefix = prefix.trim_end_matches('/').to_owned();
        if let Err(reason) = check(&prefix, &entries) {
            warn!(plugin = capability.plugin, prefix, code = "LDR-ROUTE-PREFIX", "{reason}");
            continue;
        }
        if let Ok(target) = engine.target(CONTRACT, Some(&capability.id), method::HANDLE) {
            entries.push(Arc::new(Entry { prefix, target }));
        }
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.prefix.len()));
    Table { snapshot, entries }
}

fn check(prefix: &str, entries: &[Arc<Entry>]) -> Result<(), String> {
    if !prefix.starts_with('/') || prefix.contains("//") || prefix.contains(['?', '#', '%']) {
        return Err("a route's prefix begins with `/` and names one place".into());
    }
    let under = |reserved: &&&str| {
        prefix.strip_prefix(**reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(reserved) = RESERVED.iter().find(under) {
        return Err(format!("the gateway answers `{reserved}` itself"));
    }
    match entries.iter().find(|entry| entry.prefix == prefix) {
        Some(entry) => Err(format!("`{}` has this prefix already", entry.target.plugin())),
        None => Ok(()),
    }
}

impl Route {
    /// The plugin that answers.
    pub fn plugin(&self) -> &str {
        self.entry.target.plugin()
    }

    /// The plugin's prefix.
    pub fn prefix(&self) -> &str {
        &self.entry.prefix
    }

    /// Lets the plugin answer. Metadata and reply are as in [`loader_contract::http_route`].
    pub async fn handle(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<Reply, Failure> {
        self.entry.target.call_and_judge(options, metadata, body, judge).await
    }
}

/// A server error that is no upstream's speaks against the plugin.
fn judge(reply: &Reply) -> Judgement {
    let status = reply.metadata.iter().find(|(name, _)| *name == STATUS);
    if status.is_some_and(|(_, status)| status == b"500") {
        Judgement::Faulty
    } else {
        Judgement::Sound
    }
}

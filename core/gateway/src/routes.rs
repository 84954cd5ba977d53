//! Which plugin answers a path.

use arc_swap::ArcSwapOption;
use loader_contract::http_route::{CONTRACT, STATUS, method, prefix_of};
use loader_core::{
    CallOptions, Engine, Snapshot, Target,
    message::{Failure, Metadata, Reply},
};
use std::sync::Arc;

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
        let prefix = prefix_of(&capability.id, &capability.attributes);
        // What makes no sense as a prefix has kept its plugin from being loaded.
        if let Ok(target) = engine.target(CONTRACT, Some(&capability.id), method::HANDLE) {
            entries.push(Arc::new(Entry { prefix, target }));
        }
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.prefix.len()));
    Table { snapshot, entries }
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
        self.entry.target.call_and_judge(options, metadata, body, is_at_fault).await
    }
}

/// A server error that is no upstream's speaks against the plugin.
fn is_at_fault(reply: &Reply) -> bool {
    reply.metadata.get(STATUS).is_some_and(|status| status == b"500")
}

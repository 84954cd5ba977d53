//! Hooks: plugins that take part in what the gateway does, one after another.
//!
//! | module | idea |
//! | --- | --- |
//! | `table` | the hooks of one snapshot of the registry, by event and in order |
//! | `round` | calling those of one event: deadlines, failures, each sees what those before it changed |
//! | `inference`, `messages`, `tools`, `moments` | the events, each with what its hooks may change |
//! | `prompt` | what hooks add to a prompt, in their order |
//! | `service` | `hook/1` as plugins and commands ask for it |
//! | `legacy` | who is to be told that there are better events |

mod inference;
mod legacy;
mod messages;
mod moments;
mod prompt;
mod round;
mod service;
mod table;
#[allow(dead_code, reason = "whoever calls tools asks these")]
mod tools;

pub use legacy::legacy_hooks;
pub(crate) use messages::Fate;
pub(crate) use prompt::Additions;
#[allow(unused_imports, reason = "whoever calls tools needs it")]
pub(crate) use tools::Verdict;

use crate::desk::Desk;
use arc_swap::ArcSwapOption;
use loader_core::{CallOptions, Engine, diagnostic::Diagnostic};
use moments::Moment;
use round::Round;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};
use table::Table;

/// The hooks of every plugin. An event that has none costs a look into a table.
#[derive(Clone)]
pub(crate) struct Hooks(Arc<Shared>);

struct Shared {
    desk: Arc<Desk>,
    /// What was made of the newest snapshot.
    table: ArcSwapOption<Table>,
    /// As whom hooks are called.
    caller: Arc<str>,
    /// How far the gateway has come, for who waits for it.
    moment: tokio::sync::Mutex<Moment>,
    /// The generations of plugins that were told of something better.
    told: Mutex<BTreeMap<String, Option<u64>>>,
}

impl Hooks {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self(Arc::new(Shared {
            desk,
            table: ArcSwapOption::empty(),
            caller: "gateway".into(),
            moment: tokio::sync::Mutex::default(),
            told: Mutex::default(),
        }))
    }

    /// Whether any plugin has a hook of this event.
    pub(crate) fn has(&self, event: &str) -> bool {
        self.table().is_some_and(|table| !table.of(event).is_empty())
    }

    /// What there is to say of the plugins that are served now; of each generation it is said once.
    pub(crate) fn tell(&self, engine: &Engine) -> Vec<Diagnostic> {
        let snapshot = engine.snapshot();
        let mut told = self.told();
        let fresh = legacy::of_snapshot(&snapshot).into_iter().filter(|finding| {
            let Some(id) = finding.plugin.as_deref() else { return true };
            let generation = snapshot.plugin(id).and_then(|record| record.generation);
            let before = told.insert(id.to_owned(), generation);
            // One that was dormant is the same that was told then.
            before.is_none_or(|before| before.is_some() && before != generation)
        });
        fresh.collect()
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<String, Option<u64>>> {
        self.0.told.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The hooks as they are now; nothing while the gateway is starting or stopping.
    fn table(&self) -> Option<Arc<Table>> {
        let engine = self.0.desk.engine().ok()?;
        let snapshot = engine.snapshot();
        let known = self.0.table.load_full();
        Some(match known.filter(|table| Arc::ptr_eq(table.snapshot(), &snapshot)) {
            Some(table) => table,
            None => {
                let table = Arc::new(Table::build(&engine, snapshot));
                self.0.table.store(Some(table.clone()));
                table
            }
        })
    }

    /// The hooks of an event that this leads to, if there are any.
    fn round(&self, event: &'static str, options: &CallOptions) -> Option<Round> {
        let table = self.table().filter(|table| !table.of(event).is_empty())?;
        Some(Round::new(table, event, options, self.0.caller.clone()))
    }
}

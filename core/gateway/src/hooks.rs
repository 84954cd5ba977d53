//! Hooks: plugins that take part in what the gateway does, one after another.
//!
//! | module | idea |
//! | --- | --- |
//! | `table` | the hooks of one snapshot of the registry, by event and in order |
//! | `round` | calling those of one event: deadlines, failures, each sees what those before it changed |
//! | `inference`, `messages`, `tools`, `moments` | the events, each with what its hooks may change |
//! | `prompt` | what hooks add to a prompt, in their order |
//! | `service` | `hook/1` as plugins and commands ask for it |

mod inference;
mod messages;
mod moments;
mod prompt;
mod round;
mod service;
mod table;
mod tools;

pub(crate) use messages::Fate;
pub(crate) use prompt::Additions;
pub(crate) use tools::Verdict;

use crate::desk::Desk;
use arc_swap::ArcSwapOption;
use loader_core::CallOptions;
use moments::Moment;
use round::Round;
use std::sync::Arc;
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
}

impl Hooks {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self(Arc::new(Shared {
            desk,
            table: ArcSwapOption::empty(),
            caller: "gateway".into(),
            moment: tokio::sync::Mutex::default(),
        }))
    }

    /// Whether any plugin has a hook of this event.
    pub(crate) fn has(&self, event: &str) -> bool {
        self.table().is_some_and(|table| !table.of(event).is_empty())
    }

    /// The hooks as they are now; nothing while the gateway is starting or stopping.
    fn table(&self) -> Option<Arc<Table>> {
        let engine = self.0.desk.engine().ok()?;
        let snapshot = engine.snapshot();
        let known = self.0.table.load_full();
        match known {
            Some(table) if Arc::ptr_eq(table.snapshot(), &snapshot) => Some(table),
            before => {
                let table = Arc::new(Table::build(&engine, snapshot, before.as_deref()));
                self.0.table.store(Some(table.clone()));
                Some(table)
            }
        }
    }

    /// The hooks of an event that this leads to, if there are any.
    fn round(&self, event: &'static str, options: &CallOptions) -> Option<Round> {
        let table = self.table().filter(|table| !table.of(event).is_empty())?;
        Some(Round::new(table, event, options, self.0.caller.clone()))
    }
}

//! `scheduled-task/1`: has the plugin's own tasks run when they are wanted.

use crate::{Host, Result};
use loader_contract::scheduled_task::{CONTRACT, Plan, method};
use std::time::Duration;

/// The plugin's tasks; from [`Host::tasks`].
#[derive(Clone)]
pub struct Tasks {
    host: Host,
}

impl Tasks {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Has a task of the plugin's own run once, after a while, besides its usual runs. It is forgotten
    /// when the gateway stops.
    pub async fn plan(&self, task: &str, after: Duration) -> Result<()> {
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let request = Plan { task: task.to_owned(), after_ms };
        self.host.call_json(&format!("{CONTRACT}/{}", method::PLAN), &request).await
    }
}

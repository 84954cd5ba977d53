//! `scheduled-task/1`: see [`loader_contract::scheduled_task`].

use crate::{Call, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::scheduled_task::CONTRACT;
use loader_contract::scheduled_task::{Run, RunReport, method};
use std::future::Future;

/// A plugin with work to be done every so often. [`Call::capability`] says which task is meant; when
/// and how often it runs is said in the manifest.
///
/// ```no_run
#[doc = include_str!("../../examples/scheduled_task.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/scheduled_task.toml")]
/// ```
pub trait ScheduledTask: Plugin {
    /// Does the work once. An error is counted and told; the next run comes in its time.
    fn run_task(&self, call: Call, run: Run) -> impl Future<Output = Result<RunReport>> + Send;
}

impl<P: ScheduledTask> Registration<P> {
    /// Provides `scheduled-task/1` under this id.
    #[must_use]
    pub fn scheduled_task(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| match name {
                method::RUN => {
                    Some(invocation.answer_json(move |call, run| async move {
                        plugin.run_task(call, run).await
                    }))
                }
                _ => None,
            },
            open: |_, _, _, _| None,
        })
    }
}

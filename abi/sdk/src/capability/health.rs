//! `health/1`: see [`loader_contract::health`].

use crate::{Call, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::health::CONTRACT;
use loader_contract::health::{HealthReport, method};
use std::future::Future;

/// A plugin that can say how it is.
///
/// ```no_run
#[doc = include_str!("../../examples/health.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/health.toml")]
/// ```
pub trait Health: Plugin {
    /// How the plugin, and what it depends on, is doing. Should answer within a second.
    fn check(&self, call: Call) -> impl Future<Output = Result<HealthReport>> + Send;
}

impl<P: Health> Registration<P> {
    /// Provides `health/1` under this id.
    #[must_use]
    pub fn health(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| match name {
                method::CHECK => Some(
                    invocation.answer_json(move |call, ()| async move { plugin.check(call).await }),
                ),
                _ => None,
            },
            open: |_, _, _, _| None,
        })
    }
}

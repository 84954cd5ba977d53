//! Calls on their way to a plugin: deadline, concurrency limit, breaker, metrics, lease.

mod breaker;
mod limits;
mod metrics;
mod open_stream;
mod options;
mod served;
mod target;

pub use breaker::BreakerPolicy;
pub use metrics::MetricsSnapshot;
pub use open_stream::OpenStream;
pub use options::{CallOptions, CallPolicy};
pub use target::Target;

pub(crate) use metrics::Reading;
pub(crate) use served::{Served, Waking};

use crate::{
    generation::{Capabilities, CapabilityCall, CapabilityStream},
    message::{Failure, Reply},
    registry::Registry,
};
use futures_util::future::BoxFuture;
use loader_abi::class;
use std::sync::Arc;

/// Finds capabilities and calls them, for the gateway and for plugins.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    registry: Arc<Registry>,
}

impl Dispatcher {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// The target of a contract's method: of this capability, or of the first one.
    pub(crate) fn target(
        &self,
        contract: &str,
        id: Option<&str>,
        method: &str,
    ) -> Result<Target, Failure> {
        let snapshot = self.registry.snapshot();
        let capability = match id {
            Some(id) => snapshot.capability(contract, id),
            None => snapshot.capabilities(contract).next(),
        };
        let capability = capability.ok_or_else(|| {
            let what =
                id.map_or_else(|| format!("`{contract}`"), |id| format!("`{contract}` as `{id}`"));
            Failure::new(
                class::NOT_FOUND,
                "LDR-CALL-NO-CAPABILITY",
                format!("no plugin provides {what}"),
            )
            .hint("loader plugins list")
        })?;
        Ok(Target {
            served: capability.served.clone(),
            operation: format!("{contract}/{method}").into(),
            capability: capability.id.as_str().into(),
        })
    }
}

impl Capabilities for Dispatcher {
    fn call(&self, call: CapabilityCall) -> BoxFuture<'static, Result<Reply, Failure>> {
        let target = self.target(&call.contract, call.capability.as_deref(), &call.method);
        Box::pin(async move { target?.call(call.options, call.metadata, call.body).await })
    }

    fn open(&self, call: CapabilityCall) -> BoxFuture<'static, Result<CapabilityStream, Failure>> {
        let target = self.target(&call.contract, call.capability.as_deref(), &call.method);
        Box::pin(async move {
            let stream = target?.open(call.options, call.metadata, call.body).await?;
            let OpenStream { head, end, answering } = stream;
            Ok(CapabilityStream { head, end, place: Box::new(answering) })
        })
    }
}

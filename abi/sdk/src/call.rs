//! What a capability method knows about the call it serves.

use loader_abi::{CallContext, NO_DEADLINE, TraceContext};
use std::time::{Duration, Instant};

/// One call, as its callee sees it.
#[derive(Debug, Clone)]
pub struct Call {
    context: CallContext,
    deadline: Option<Instant>,
    capability: &'static str,
}

impl Call {
    pub(crate) fn new(context: CallContext, capability: &'static str) -> Self {
        let deadline = (context.remaining_ns != NO_DEADLINE)
            .then(|| Instant::now() + Duration::from_nanos(context.remaining_ns));
        Self { context, deadline, capability }
    }

    /// Which of the plugin's capabilities was called.
    pub fn capability(&self) -> &str {
        self.capability
    }

    /// Who calls: `gateway`, or `plugin:<id>`.
    pub fn caller(&self) -> &str {
        &self.context.caller
    }

    /// How long the caller will wait; `None` when it waits for good.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Equal keys mean the same intent; empty when the caller makes no such promise.
    pub fn idempotency_key(&self) -> &str {
        &self.context.idempotency_key
    }

    /// The W3C `traceparent` to pass on, when the call is traced.
    pub fn traceparent(&self) -> Option<String> {
        self.context.trace.to_traceparent()
    }

    pub(crate) fn id(&self) -> u64 {
        self.context.call_id
    }

    pub(crate) fn trace(&self) -> TraceContext {
        self.context.trace
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

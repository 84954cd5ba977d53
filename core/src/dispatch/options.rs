//! What is said about calls: of a plugin's together, of one, and of its answer.

use super::BreakerPolicy;
use loader_abi::TraceContext;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What a plugin may ask of the host, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallPolicy {
    /// The most calls at once.
    pub max_concurrent: usize,
    /// The deadline of calls that bring none.
    pub timeout: Duration,
    /// When to stop calling.
    pub breaker: BreakerPolicy,
}

impl Default for CallPolicy {
    fn default() -> Self {
        Self {
            max_concurrent: 1024,
            timeout: Duration::from_secs(60),
            breaker: BreakerPolicy::default(),
        }
    }
}

/// Everything about a call besides its body.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// Who calls: `gateway`, or `plugin:<id>`.
    pub caller: Arc<str>,
    /// When the caller stops waiting; none means the plugin's own timeout.
    pub deadline: Option<Instant>,
    /// The trace the call belongs to.
    pub trace: TraceContext,
    /// Equal keys mean the same intent; empty when there is no such promise.
    pub idempotency_key: String,
    /// How many plugin-to-plugin calls led here.
    pub depth: u32,
    /// Whether doing it twice does no more than doing it once. Such a call of a fresh generation that
    /// fails by the plugin's own fault is made again with the generation before.
    pub idempotent: bool,
}

impl CallOptions {
    /// A call by this caller, with the plugin's own timeout.
    pub fn by(caller: impl Into<Arc<str>>) -> Self {
        Self {
            caller: caller.into(),
            deadline: None,
            trace: TraceContext::default(),
            idempotency_key: String::new(),
            depth: 0,
            idempotent: false,
        }
    }

    /// Says that doing it twice does no more than doing it once.
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Sets when the caller stops waiting.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.deadline = Instant::now().checked_add(time);
        self
    }
}

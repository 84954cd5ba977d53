//! One plugin as its callers know it: where its calls go, how many, and how they fare.

use super::{
    CallOptions, CallPolicy, Reading,
    breaker::Breaker,
    limits::Concurrency,
    metrics::{Metrics, MetricsSnapshot},
};
use crate::{
    generation::{Door, Generation, Kind, Lease},
    message::Failure,
};
use arc_swap::ArcSwapOption;
use futures_util::future::{BoxFuture, Shared};
use loader_abi::class;
use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// The opening of a plugin that is dormant: begins when the first of those who share it asks.
pub(crate) type Waking = Shared<BoxFuture<'static, Result<(), Failure>>>;
/// How many plugins were ever served.
static SERVED: AtomicU64 = AtomicU64::new(0);

/// One plugin as its callers know it: stays the same while generations come and go.
pub(crate) struct Served {
    pub(super) id: Arc<str>,
    /// Its place among the plugins in the order in which they were loaded.
    pub(super) place: u64,
    slot: ArcSwapOption<Generation>,
    /// What fills the slot of one that is dormant. Looked at only when the slot is empty.
    waking: Mutex<Option<Waking>>,
    /// Told when calls that wait for a handover may look again.
    changed: Notify,
    pub(super) concurrency: Concurrency,
    breaker: Breaker,
    pub(super) metrics: Metrics,
    /// In nanoseconds.
    timeout: AtomicU64,
}

impl AsRef<Concurrency> for Served {
    fn as_ref(&self) -> &Concurrency {
        &self.concurrency
    }
}

impl Served {
    pub(crate) fn new(id: Arc<str>, policy: CallPolicy) -> Self {
        Self {
            id,
            place: SERVED.fetch_add(1, Ordering::Relaxed),
            slot: ArcSwapOption::empty(),
            waking: Mutex::default(),
            changed: Notify::new(),
            concurrency: Concurrency::new(policy.max_concurrent),
            breaker: Breaker::new(policy.breaker),
            metrics: Metrics::default(),
            timeout: AtomicU64::new(nanoseconds(policy.timeout)),
        }
    }

    /// Calls that begin from now on obey this policy.
    pub(crate) fn adjust(&self, policy: CallPolicy) {
        self.concurrency.adjust(policy.max_concurrent);
        self.breaker.adjust(policy.breaker);
        self.timeout.store(nanoseconds(policy.timeout), Ordering::Relaxed);
    }

    /// Lets calls wait from now on until somebody opened the plugin, which the first of them begins.
    pub(crate) fn sleep(&self, waking: Waking) {
        *self.waking() = Some(waking);
    }

    /// Sends calls to this generation from now on.
    pub(crate) fn serve(&self, generation: Option<Arc<Generation>>) {
        // The old reference is dropped here; the keeper holds the last one.
        self.slot.store(generation);
        // In this order: whoever finds the slot empty and nothing to wait for looks into it again.
        *self.waking() = None;
        self.breaker.reset();
        self.changed.notify_waiters();
    }

    /// Lets calls that wait for a handover look again.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// The counters that a watch over a generation compares.
    pub(crate) fn reading(&self) -> Reading {
        self.metrics.read()
    }

    pub(crate) fn metrics(&self) -> MetricsSnapshot {
        self.metrics.snapshot()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.concurrency.now()
    }

    pub(crate) fn breaker_is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// How long a call that begins now may take.
    pub(super) fn time_for(&self, options: &CallOptions, began: Instant) -> Duration {
        match options.deadline {
            Some(deadline) => deadline.saturating_duration_since(began),
            None => Duration::from_nanos(self.timeout.load(Ordering::Relaxed)),
        }
    }

    /// The right to call the generation that serves, waiting while the plugin is opened or state is
    /// handed over.
    pub(super) async fn lease(&self, kind: Kind, until: Option<Instant>) -> Result<Lease, Failure> {
        if let Ok(Some(lease)) = self.lease_now(kind) {
            return Ok(lease);
        }
        let waking = self.waking().clone();
        if let Some(waking) = waking {
            // Apart, so that calls of what is served carry nothing of it.
            Box::pin(by(until, waking)).await??;
        }
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(lease) = self.lease_now(kind)? {
                return Ok(lease);
            }
            by(until, changed).await?;
        }
    }

    /// The same at once; nothing while state is handed over.
    fn lease_now(&self, kind: Kind) -> Result<Option<Lease>, Failure> {
        // A generation may begin to retire between the look and the lease; its successor is in the
        // slot by then.
        for _ in 0..64 {
            let Some(generation) = self.slot.load_full() else { break };
            match generation.lease(kind) {
                Ok(lease) => return Ok(Some(lease)),
                // It is held: because it gives its state away, or because another has it already.
                Err(Door::Held) if self.is_served(&generation) => return Ok(None),
                Err(_) => {}
            }
        }
        Err(Failure::new(
            class::UNAVAILABLE,
            "LDR-CALL-NOT-SERVED",
            format!("the plugin `{}` is not served now", self.id),
        )
        .hint(format!("loader plugins inspect {}", self.id)))
    }

    /// Takes note of how a call to a generation ended.
    pub(super) fn call_ended(&self, generation: u64, failure: Option<u32>, took: Duration) {
        self.metrics.call_ended(failure, took);
        self.ended(generation, failure);
    }

    /// Takes note of how the opening of a stream to a generation ended. One that opened may fail yet.
    pub(super) fn stream_opened(&self, generation: u64, failure: Option<u32>) {
        self.metrics.stream_opened(failure);
        match failure {
            Some(_) => self.ended(generation, failure),
            None => self.breaker.let_through(),
        }
    }

    /// Takes note that a stream to a generation, once opened, failed.
    pub(super) fn stream_failed(&self, generation: u64, failure: u32) {
        self.metrics.failed(Some(failure));
        self.ended(generation, Some(failure));
    }

    /// Takes note that a stream to a generation was let go, and nothing was wrong with it.
    pub(super) fn stream_passed(&self, generation: u64) {
        self.ended(generation, None);
    }

    /// How one that serves no more fails says nothing about its successor.
    fn ended(&self, generation: u64, failure: Option<u32>) {
        let serves = || self.slot.load().as_ref().is_some_and(|one| one.number() == generation);
        if failure.is_none() || serves() {
            self.metrics.fault(failure);
            self.breaker.record(failure);
        }
    }

    fn waking(&self) -> MutexGuard<'_, Option<Waking>> {
        self.waking.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn is_served(&self, generation: &Arc<Generation>) -> bool {
        self.slot.load().as_ref().is_some_and(|served| Arc::ptr_eq(served, generation))
    }

    pub(super) fn admit(&self) -> Result<(), Failure> {
        self.breaker.admit().map_err(|wait| {
            self.metrics.refused();
            let mut failure = Failure::new(
                class::UNAVAILABLE,
                "LDR-CALL-BREAKER",
                format!("the plugin `{}` failed too often in a row and is not called now", self.id),
            )
            .hint(format!("loader plugins inspect {}", self.id));
            failure.retry_after = Some(wait);
            failure
        })
    }

    pub(super) fn busy(&self) -> Failure {
        self.metrics.refused();
        let most = self.concurrency.most();
        Failure::new(
            class::EXHAUSTED,
            "LDR-CALL-BUSY",
            format!("the plugin `{}` is serving {most} calls already", self.id),
        )
        .hint(format!("raise plugins.entries.{}.max_concurrent_calls", self.id))
    }
}

/// Waits for it, but no longer than the caller does.
async fn by<T>(until: Option<Instant>, future: impl Future<Output = T>) -> Result<T, Failure> {
    match until {
        None => Ok(future.await),
        Some(until) => {
            let waited = tokio::time::timeout_at(until.into(), future).await;
            waited.map_err(|_| Failure::deadline())
        }
    }
}

/// Of ever, as many as there are.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

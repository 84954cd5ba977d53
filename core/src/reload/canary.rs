//! The watch over a fresh generation: whether it does as well as the one before.
//!
//! Only the plugin's own defects count: internal errors, panics, passed deadlines, answers that break
//! the contract. While the watch lasts, the old generation can still answer, and a call that may be
//! repeated is repeated there.

use crate::generation::Generation;
use arc_swap::ArcSwapOption;
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// How a fresh generation is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanaryPolicy {
    /// How long; zero means not at all.
    pub window: Duration,
    /// So many failures send it back, unless the old generation failed as often.
    pub failures: u32,
    /// So many times the old generation's median latency send it back; zero means latency does not count.
    pub slowdown: u32,
}

impl Default for CanaryPolicy {
    fn default() -> Self {
        Self { window: Duration::from_secs(5), failures: 3, slowdown: 20 }
    }
}

/// Calls after which latency means something.
const CALLS_FOR_LATENCY: u64 = 50;

/// What is slower by less than this is not slow.
const SLOW_US: u64 = 100_000;

/// What is known of a generation: how many calls, how many failed by its own fault, how long half of
/// them took at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    pub(crate) median_us: u64,
}

/// Why a generation is sent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails.
    Failures { failures: u64, calls: u64 },
    /// It is slow.
    Slow { median_us: u64, before_us: u64 },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failures { failures, calls } => write!(f, "{failures} of {calls} calls failed"),
            Self::Slow { median_us, before_us } => write!(
                f,
                "half of its calls take up to {} ms, and took up to {} ms before",
                median_us / 1000,
                before_us.div_ceil(1000)
            ),
        }
    }
}

/// Whether a generation with this record is to go back, given the record of the one before.
pub(crate) fn judge(policy: &CanaryPolicy, now: Record, before: Record) -> Option<Fault> {
    if policy.failures > 0 && now.failures >= u64::from(policy.failures) {
        // As often as before, and half as often again.
        let usual = u128::from(before.failures) * u128::from(now.calls) * 3;
        let found = u128::from(now.failures) * u128::from(before.calls.max(1)) * 2;
        if found > usual {
            return Some(Fault::Failures { failures: now.failures, calls: now.calls });
        }
    }
    let knows = now.calls >= CALLS_FOR_LATENCY && before.calls >= CALLS_FOR_LATENCY;
    if policy.slowdown > 0 && knows {
        let (median_us, before_us) = (now.median_us, before.median_us);
        let many_times = before_us.saturating_mul(u64::from(policy.slowdown));
        if median_us > many_times && median_us > before_us + SLOW_US {
            return Some(Fault::Slow { median_us, before_us });
        }
    }
    None
}

/// Who stands behind a generation while it is watched.
#[derive(Default)]
pub(crate) struct Canary {
    watched: AtomicBool,
    behind: ArcSwapOption<Behind>,
}

/// The generation before. Callers may hold this after that one has retired.
pub(crate) struct Behind {
    /// Of one that can still answer; not once its state was handed over.
    answering: Weak<Generation>,
    failures: AtomicU64,
    failed: Notify,
}

impl Behind {
    /// The generation before, where it can still answer.
    pub(crate) fn answering(&self) -> Option<Arc<Generation>> {
        self.answering.upgrade()
    }

    /// A call failed by the fresh generation's own fault.
    pub(crate) fn note_failure(&self) {
        self.failures.fetch_add(1, Relaxed);
        self.failed.notify_one();
    }

    /// Calls that failed by the fresh generation's fault.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// Waits for the next of them.
    pub(crate) async fn failed(&self) {
        self.failed.notified().await;
    }
}

impl Canary {
    /// Begins the watch.
    pub(crate) fn watch(&self, old: &Arc<Generation>, answers: bool) -> Arc<Behind> {
        let behind = Arc::new(Behind {
            answering: if answers { Arc::downgrade(old) } else { Weak::new() },
            failures: AtomicU64::new(0),
            failed: Notify::new(),
        });
        self.behind.store(Some(behind.clone()));
        self.watched.store(true, Relaxed);
        behind
    }

    /// Ends the watch.
    pub(crate) fn unwatch(&self) {
        self.watched.store(false, Relaxed);
        self.behind.store(None);
    }

    /// Who stands behind the generation; nobody once it is trusted.
    pub(crate) fn behind(&self) -> Option<Arc<Behind>> {
        if self.watched.load(Relaxed) { self.behind.load_full() } else { None }
    }

    /// A call failed by the generation's own fault.
    pub(crate) fn failed(&self) {
        if let Some(behind) = self.behind() {
            behind.note_failure();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(calls: u64, failures: u64, median_us: u64) -> Record {
        Record { calls, failures, median_us }
    }

    const QUICK: u64 = 1000;

    #[test]
    fn the_third_failure_of_one_that_never_failed_sends_it_back() {
        let policy = CanaryPolicy::default();
        let before = record(100_000, 0, QUICK);
        assert_eq!(judge(&policy, record(1000, 2, QUICK), before), None);
        let fault = judge(&policy, record(1000, 3, QUICK), before);
        assert_eq!(fault, Some(Fault::Failures { failures: 3, calls: 1000 }));
        assert!(judge(&policy, record(3, 3, QUICK), Record::default()).is_some());
    }

    #[test]
    fn one_that_fails_as_often_as_before_stays() {
        let policy = CanaryPolicy::default();
        let before = record(1000, 100, QUICK);
        assert_eq!(judge(&policy, record(100, 14, QUICK), before), None);
        assert!(judge(&policy, record(100, 16, QUICK), before).is_some());
    }

    #[test]
    fn one_that_is_much_slower_goes_back_and_one_that_is_a_little_slower_stays() {
        let policy = CanaryPolicy::default();
        let before = record(1000, 0, QUICK);
        let slow = |milliseconds: u64| record(50, 0, milliseconds * 1000);
        assert_eq!(judge(&policy, slow(90), before), None);
        assert!(matches!(judge(&policy, slow(120), before), Some(Fault::Slow { .. })));
        let few = record(49, 0, 120_000);
        assert_eq!(judge(&policy, few, before), None);
    }

    #[test]
    fn zeros_switch_the_rules_off() {
        let policy = CanaryPolicy { failures: 0, slowdown: 0, ..CanaryPolicy::default() };
        let awful = record(1000, 1000, 1_000_000);
        assert_eq!(judge(&policy, awful, record(1000, 0, QUICK)), None);
    }
}

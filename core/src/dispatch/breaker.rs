//! Stops calling a plugin that keeps failing, and tries again after a while.
//!
//! Only the plugin's own defects count: internal errors, panics, passed deadlines. That an upstream
//! is down or a request is wrong says nothing about the plugin. After so many failures in a row the
//! breaker opens; after the cooldown it lets one call through, and that call's outcome decides.

use crate::message::is_own_fault;
use loader_abi::class;
use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it; zero means never.
    pub failures: u32,
    /// How long it stays open.
    pub cooldown: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, cooldown: Duration::from_secs(10) }
    }
}

#[derive(Debug)]
pub(crate) struct Breaker {
    born: Instant,
    /// Failures in a row that open it; zero means never.
    most: AtomicU32,
    /// In milliseconds.
    cooldown: AtomicU64,
    failures: AtomicU32,
    /// Milliseconds after `born` at which the next call may try; zero while closed.
    retry_at: AtomicU64,
}

impl Breaker {
    pub(crate) fn new(policy: BreakerPolicy) -> Self {
        Self {
            born: Instant::now(),
            most: AtomicU32::new(policy.failures),
            cooldown: AtomicU64::new(milliseconds(policy.cooldown)),
            failures: AtomicU32::new(0),
            retry_at: AtomicU64::new(0),
        }
    }

    /// Changes when it opens and for how long. An open one stays open as long as it was to.
    pub(crate) fn adjust(&self, policy: BreakerPolicy) {
        self.most.store(policy.failures, Ordering::Release);
        self.cooldown.store(milliseconds(policy.cooldown), Ordering::Release);
    }

    /// Whether a call may go through; the error is how long to wait.
    pub(crate) fn admit(&self) -> Result<(), Duration> {
        let retry_at = self.retry_at.load(Ordering::Acquire);
        if retry_at == 0 {
            return Ok(());
        }
        let now = self.now();
        if now < retry_at {
            return Err(Duration::from_millis(retry_at - now));
        }
        // The one call that tries takes the next cooldown's place; its success closes the breaker.
        let cooldown = self.cooldown.load(Ordering::Acquire);
        let next = now + cooldown;
        let won =
            self.retry_at.compare_exchange(retry_at, next, Ordering::AcqRel, Ordering::Acquire);
        won.map(|_| ()).map_err(|_| Duration::from_millis(cooldown))
    }

    /// Forgets what was: another generation answers from now on.
    pub(crate) fn reset(&self) {
        self.failures.store(0, Ordering::Release);
        self.retry_at.store(0, Ordering::Release);
    }

    /// Takes note that a stream was opened, which may fail yet: calls go through again, and the next
    /// failure stops them at once.
    pub(crate) fn let_through(&self) {
        if self.retry_at.load(Ordering::Acquire) != 0 {
            self.retry_at.store(0, Ordering::Release);
        }
    }

    /// Takes note of how a call ended: the class of its failure, or none.
    pub(crate) fn record(&self, failure: Option<u32>) {
        match failure {
            Some(class) if is_own_fault(class) => {
                let failures = self.failures.fetch_add(1, Ordering::AcqRel) + 1;
                let most = self.most.load(Ordering::Acquire);
                if most > 0 && failures >= most {
                    let cooldown = self.cooldown.load(Ordering::Acquire);
                    self.retry_at.store(self.now() + cooldown, Ordering::Release);
                }
            }
            Some(class::CANCELLED) => {}
            _ => {
                if self.failures.load(Ordering::Acquire) != 0 {
                    self.failures.store(0, Ordering::Release);
                    self.retry_at.store(0, Ordering::Release);
                }
            }
        }
    }

    /// Whether calls are refused now.
    pub(crate) fn is_open(&self) -> bool {
        let retry_at = self.retry_at.load(Ordering::Acquire);
        retry_at != 0 && self.now() < retry_at
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).map_or(u64::MAX / 2, |time| time.clamp(1, u64::MAX / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(cooldown: Duration) -> Breaker {
        Breaker::new(BreakerPolicy { failures: 3, cooldown })
    }

    #[test]
    fn opens_at_the_limit_and_counts_the_plugins_own_defects_only() {
        let breaker = breaker(Duration::from_secs(60));
        for class in [class::UNAVAILABLE, class::INVALID, class::EXHAUSTED, class::CANCELLED] {
            for _ in 0..10 {
                breaker.record(Some(class));
            }
        }
        assert!(breaker.admit().is_ok());
        breaker.record(Some(class::PANIC));
        breaker.record(Some(class::INTERNAL));
        assert!(breaker.admit().is_ok());
        breaker.record(Some(class::DEADLINE));
        let wait = breaker.admit().expect_err("open");
        assert!(wait > Duration::from_secs(59) && wait <= Duration::from_secs(60));
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let breaker = breaker(Duration::from_secs(60));
        breaker.record(Some(class::PANIC));
        breaker.record(Some(class::PANIC));
        breaker.record(None);
        breaker.record(Some(class::PANIC));
        breaker.record(Some(class::PANIC));
        assert!(breaker.admit().is_ok());
    }

    #[test]
    fn after_the_cooldown_one_call_tries_and_its_success_closes() {
        let breaker = breaker(Duration::from_millis(1));
        for _ in 0..3 {
            breaker.record(Some(class::PANIC));
        }
        while breaker.is_open() {
            std::thread::yield_now();
        }
        assert!(breaker.admit().is_ok());
        breaker.record(None);
        assert!(!breaker.is_open());
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok());
    }

    #[test]
    fn a_stream_that_opens_lets_others_through_and_forgives_nothing() {
        let breaker = breaker(Duration::from_secs(60));
        for _ in 0..3 {
            breaker.record(Some(class::PANIC));
        }
        breaker.let_through();
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok());
        breaker.record(Some(class::DEADLINE));
        assert!(breaker.is_open());
    }

    #[test]
    fn another_policy_counts_from_now_on() {
        let breaker = breaker(Duration::from_secs(60));
        breaker.record(Some(class::PANIC));
        breaker.adjust(BreakerPolicy { failures: 2, cooldown: Duration::from_secs(1) });
        assert!(breaker.admit().is_ok());
        breaker.record(Some(class::PANIC));
        let wait = breaker.admit().expect_err("open");
        assert!(wait <= Duration::from_secs(1));
    }
}

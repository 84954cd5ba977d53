//! What is counted per plugin.

use crate::{message::is_own_fault, reload::canary::Record};
use loader_abi::class;
use serde::Serialize;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Buckets of latency: the upper bounds are powers of two, in microseconds, from 1 µs to 33 s.
const BUCKETS: usize = 26;

/// The counters of one plugin. They outlive its generations.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    calls: AtomicU64,
    streams: AtomicU64,
    errors: AtomicU64,
    panics: AtomicU64,
    deadlines: AtomicU64,
    refused: AtomicU64,
    /// Those of the errors that are the plugin's own, of the generation that served at that time.
    faults: AtomicU64,
    latency: [AtomicU64; BUCKETS],
}

/// What a watch over a generation compares: counters that only grow.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    calls: u64,
    faults: u64,
    latency: [u64; BUCKETS],
}

impl Reading {
    /// What happened since an earlier reading.
    pub(crate) fn since(&self, earlier: &Self) -> Record {
        let latency: Vec<u64> =
            self.latency.iter().zip(&earlier.latency).map(|(now, then)| now - then).collect();
        Record {
            calls: self.calls - earlier.calls,
            failures: self.faults - earlier.faults,
            median_us: percentile(&latency, 50),
        }
    }
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MetricsSnapshot {
    /// Calls that ended.
    pub calls: u64,
    /// Streams that were opened.
    pub streams: u64,
    /// Calls and openings that failed, whatever the reason.
    pub errors: u64,
    /// Those of them that panicked.
    pub panics: u64,
    /// Those of them that passed their deadline.
    pub deadlines: u64,
    /// Calls that were not made: too many at once, or an open breaker.
    pub refused: u64,
    /// An upper bound of the median latency, in microseconds.
    pub p50_us: u64,
    /// An upper bound of the 99th percentile, in microseconds.
    pub p99_us: u64,
}

impl Metrics {
    pub(crate) fn call_ended(&self, failure: Option<u32>, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let bucket = (u64::BITS - (microseconds - 1).leading_zeros()) as usize;
        self.latency[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.failed(failure);
    }

    pub(crate) fn stream_opened(&self, failure: Option<u32>) {
        self.streams.fetch_add(1, Ordering::Relaxed);
        self.failed(failure);
    }

    /// Counts a failure against the generation that serves, if it is the plugin's own fault.
    pub(crate) fn fault(&self, failure: Option<u32>) {
        if failure.is_some_and(is_own_fault) {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, failure: Option<u32>) {
        let Some(class) = failure else { return };
        self.errors.fetch_add(1, Ordering::Relaxed);
        match class {
            class::PANIC => self.panics.fetch_add(1, Ordering::Relaxed),
            class::DEADLINE => self.deadlines.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    pub(crate) fn read(&self) -> Reading {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading {
            calls: read(&self.calls) + read(&self.streams),
            faults: read(&self.faults),
            latency: std::array::from_fn(|bucket| read(&self.latency[bucket])),
        }
    }

    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let latency: Vec<u64> = self.latency.iter().map(read).collect();
        MetricsSnapshot {
            calls: read(&self.calls),
            streams: read(&self.streams),
            errors: read(&self.errors),
            panics: read(&self.panics),
            deadlines: read(&self.deadlines),
            refused: read(&self.refused),
            p50_us: percentile(&latency, 50),
            p99_us: percentile(&latency, 99),
        }
    }
}

fn percentile(buckets: &[u64], percent: u64) -> u64 {
    let total: u64 = buckets.iter().sum();
    let wanted = (total * percent).div_ceil(100);
    let mut seen = 0;
    for (bucket, count) in buckets.iter().enumerate() {
        seen += count;
        if seen >= wanted && total > 0 {
            return 1 << bucket;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_upper_bounds() {
        let metrics = Metrics::default();
        for _ in 0..98 {
            metrics.call_ended(None, Duration::from_micros(3));
        }
        metrics.call_ended(Some(class::PANIC), Duration::from_millis(1));
        metrics.call_ended(Some(class::DEADLINE), Duration::from_secs(3600));
        let now = metrics.snapshot();
        assert_eq!((now.calls, now.errors, now.panics, now.deadlines), (100, 2, 1, 1));
        assert_eq!((now.p50_us, now.p99_us), (4, 1024));
    }
}

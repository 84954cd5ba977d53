//! The clock: bounded sampling of one caller, bounded counting of many, and their summary.
//!
//! A stretch ends at a number of samples or at an age, whichever comes first, so no peer, however
//! slow or fast, can make a run long.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::Serialize;

/// What ends a stretch of measuring.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// The most samples taken.
    pub(crate) samples: usize,
    /// The longest time spent; the sample under way is still finished.
    pub(crate) time: Duration,
}

/// A row of samples taken back to back: the clock is read once between two of them.
pub(crate) struct Stretch {
    bounds: Bounds,
    started: Instant,
    last: Instant,
    samples: Vec<Duration>,
}

impl Stretch {
    pub(crate) fn start(bounds: Bounds) -> Self {
        let now = Instant::now();
        Self { bounds, started: now, last: now, samples: Vec::with_capacity(bounds.samples) }
    }

    /// Ends the current sample and begins the next. Answers whether there is room for one.
    pub(crate) fn lap(&mut self) -> bool {
        let now = Instant::now();
        self.samples.push(now - self.last);
        self.last = now;
        self.samples.len() < self.bounds.samples && now - self.started < self.bounds.time
    }

    pub(crate) fn into_samples(self) -> Vec<Duration> {
        self.samples
    }
}

/// Times a blocking call from one caller. `calls_per_sample` is above one for calls that take
/// about as long as reading the clock.
pub(crate) fn sample(
    bounds: Bounds,
    calls_per_sample: u32,
    mut call: impl FnMut() -> Result<()>,
) -> Result<Vec<Duration>> {
    let mut stretch = Stretch::start(bounds);
    loop {
        for _ in 0..calls_per_sample {
            call()?;
        }
        if !stretch.lap() {
            return Ok(stretch.into_samples());
        }
    }
}

/// Counts how often `callers` threads finish a blocking call.
pub(crate) fn count(
    bounds: Bounds,
    callers: usize,
    calls_per_sample: u32,
    call: impl Fn() -> Result<()> + Sync,
) -> Result<u64> {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..callers).map(|_| scope.spawn(|| sample(bounds, calls_per_sample, &call))).collect();
        threads.into_iter().try_fold(0, |calls, thread| {
            let samples = thread.join().map_err(|_| anyhow!("a caller panicked"))??;
            Ok(calls + samples.len() as u64 * u64::from(calls_per_sample))
        })
    })
}

/// The latency of one call with one caller and one body size, in nanoseconds.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) bytes: usize,
    pub(crate) mean_ns: f64,
    pub(crate) p50_ns: f64,
    pub(crate) p99_ns: f64,
}

impl Row {
    /// Summarises samples of `calls_per_sample` calls each.
    pub(crate) fn summarise(
        bytes: usize,
        calls_per_sample: u32,
        mut samples: Vec<Duration>,
    ) -> Self {
        samples.sort_unstable();
        let per_call = |time: Duration| {
            let nanoseconds = time.as_nanos() as f64 / f64::from(calls_per_sample);
            (nanoseconds * 10.0).round() / 10.0
        };
        // Nearest rank: the smallest sample that at least this share of all samples do not exceed.
        let percentile = |share: f64| {
            let rank = (share * samples.len() as f64).ceil() as usize;
            per_call(samples[rank.clamp(1, samples.len()) - 1])
        };
        let total: Duration = samples.iter().sum();
        Self {
            bytes,
            mean_ns: per_call(total.div_f64(samples.len() as f64)),
            p50_ns: percentile(0.50),
            p99_ns: percentile(0.99),
        }
    }
}

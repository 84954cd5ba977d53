//! The clock: bounded stretches of samples, and what a series of them comes to.

use std::time::{Duration, Instant};

/// What ends a stretch, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most samples.
    pub samples: usize,
    /// The longest time; the sample under way is still finished.
    pub time: Duration,
}

/// Samples taken back to back: the clock is read once between two of them.
#[derive(Debug)]
pub struct Stretch {
    bounds: Bounds,
    calls_per_sample: u32,
    began: Instant,
    last: Instant,
    nanoseconds: Vec<f64>,
}

impl Stretch {
    /// Begins. One sample stands for so many calls: reading the clock takes about as long as a
    /// short call, so short calls are timed by the batch.
    pub fn start(bounds: Bounds, calls_per_sample: u32) -> Self {
        let nanoseconds = Vec::with_capacity(bounds.samples);
        let now = Instant::now();
        Self { bounds, calls_per_sample, began: now, last: now, nanoseconds }
    }

    /// Ends a sample and begins the next; `false` when there is no room for one.
    pub fn lap(&mut self) -> bool {
        let now = Instant::now();
        let took = (now - self.last).as_nanos() as f64;
        self.nanoseconds.push(took / f64::from(self.calls_per_sample));
        self.last = now;
        self.nanoseconds.len() < self.bounds.samples && now - self.began < self.bounds.time
    }

    /// Nanoseconds per call, one for each sample.
    pub fn into_samples(self) -> Vec<f64> {
        self.nanoseconds
    }
}

/// What one contender did in all its rounds.
#[derive(Debug, Default, Clone)]
pub struct Series {
    samples: Vec<f64>,
    rounds: Vec<f64>,
}

impl Series {
    /// Adds the samples of one round.
    pub fn add(&mut self, samples: Vec<f64>) {
        self.rounds.push(samples.iter().sum::<f64>() / samples.len() as f64);
        self.samples.extend(samples);
    }

    /// The median of the samples: what is typical, however busy the machine is.
    pub fn typical(&self) -> f64 {
        median(&self.samples)
    }

    /// The median of the rounds' means: what many calls come to.
    pub fn mean(&self) -> f64 {
        median(&self.rounds)
    }

    /// The smallest sample that at least this share of all samples do not exceed.
    pub fn percentile(&self, share: f64) -> f64 {
        let mut samples = self.samples.clone();
        samples.sort_by(f64::total_cmp);
        let rank = (share * samples.len() as f64).ceil() as usize;
        samples[rank.clamp(1, samples.len()) - 1]
    }
}

/// The value in the middle; the mean of the two there when their number is even.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

//! Flood control: how long a line waits so that the server does not throw us out.

use loader_sdk::schemars;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many lines go out at once after a silence.
const BURST: u32 = 5;

/// An even pace with a burst, as one instant: when the next line would go out if there had been no
/// burst to draw on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub struct Pace {
    interval_ns: u64,
    due_ns: u64,
}

impl Pace {
    /// So many lines a second after the burst; zero means no limit.
    pub fn new(lines_per_second: f64) -> Self {
        let interval = if lines_per_second > 0.0 { 1e9 / lines_per_second } else { 0.0 };
        Self { interval_ns: interval as u64, due_ns: 0 }
    }

    /// How long the next line must wait, on a clock in nanoseconds that never goes back.
    pub fn next(&mut self, now_ns: u64) -> Duration {
        let due = self.due_ns.max(now_ns);
        self.due_ns = due.saturating_add(self.interval_ns);
        let head_start = self.interval_ns.saturating_mul(u64::from(BURST - 1));
        Duration::from_nanos(due.saturating_sub(head_start).saturating_sub(now_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(pace: &mut Pace, lines: usize) -> Vec<u128> {
        let mut now = 1_000_000_000;
        let mut total = 0;
        let mut next = || {
            let wait = pace.next(now).as_nanos();
            now += wait as u64;
            total += wait;
            total / 1_000_000
        };
        (0..lines).map(|_| next()).collect()
    }

    #[test]
    fn a_burst_then_the_pace() {
        assert_eq!(waits(&mut Pace::new(2.0), 8), [0, 0, 0, 0, 0, 500, 1000, 1500]);
    }

    #[test]
    fn silence_earns_the_burst_again() {
        let mut pace = Pace::new(2.0);
        waits(&mut pace, 8);
        assert_eq!(pace.next(60_000_000_000), Duration::ZERO);
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(waits(&mut Pace::new(0.0), 100).iter().all(|wait| *wait == 0));
    }
}

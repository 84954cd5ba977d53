//! How long to wait before the next try: exponential, with full jitter.

use loader_sdk::schemars;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The ceiling of the first wait.
const FIRST: Duration = Duration::from_secs(1);

/// The ceiling that later waits grow to.
const LONGEST: Duration = Duration::from_secs(60);

/// No wait is shorter, lest chance hammers the server.
const SHORTEST: Duration = Duration::from_millis(100);

/// A connection that lasted this long makes the waits start over.
pub const STABLE: Duration = Duration::from_secs(60);

/// The waits between tries. The ceiling doubles with every try, from 1 s to 60 s; the wait is drawn
/// evenly from 100 ms up to the ceiling, so that many accounts do not come back in step.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[schemars(crate = "schemars")]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    /// No try failed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next wait, for a random number.
    pub fn next(&mut self, random: u64) -> Duration {
        let ceiling = FIRST.saturating_mul(2_u32.saturating_pow(self.tries)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        let span = u64::try_from((ceiling - SHORTEST).as_millis()).unwrap_or(u64::MAX);
        SHORTEST + Duration::from_millis(random % (span + 1))
    }

    /// The connection was stable: start over.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loader_sdk::chance::scramble;

    #[test]
    fn the_ceiling_doubles_up_to_a_minute() {
        let longest_waits = |tries: u32| {
            let waits = (0..10_000).map(|seed| Backoff { tries }.next(scramble(seed)));
            waits.fold((LONGEST, Duration::ZERO), |(least, most), wait| {
                (least.min(wait), most.max(wait))
            })
        };
        for (tries, ceiling) in [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (40, 60)] {
            let ceiling = Duration::from_secs(ceiling);
            let (least, most) = longest_waits(tries);
            assert!(most <= ceiling && most > ceiling.mul_f64(0.99), "{tries}: {most:?}");
            assert!(least >= SHORTEST && least < SHORTEST + ceiling.mul_f64(0.01), "{least:?}");
        }
    }

    #[test]
    fn a_reset_starts_over() {
        let mut backoff = Backoff::new();
        for _ in 0..100 {
            backoff.next(u64::MAX);
        }
        backoff.reset();
        assert!(backoff.next(scramble(7)) <= FIRST);
    }
}

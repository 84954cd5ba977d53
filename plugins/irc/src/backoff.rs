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

/// Makes a random-looking number out of one that is not, such as a clock's nanoseconds.
///
/// A finaliser in the manner of SplitMix64: two rounds of shift, xor and multiplication by an odd
/// constant spread every bit of the input over all bits of the output. Good enough to keep accounts
/// from reconnecting in step; not for secrets.
pub fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_a_minute() {
        let longest_waits = |tries: u32| {
            let waits = (0..10_000).map(|seed| Backoff { tries }.next(mix(seed)));
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
        assert!(backoff.next(mix(7)) <= FIRST);
    }

    #[test]
    fn neighbouring_seeds_are_far_apart() {
        let ones: u32 = (0..64).map(|seed| (mix(seed) ^ mix(seed + 1)).count_ones()).sum();
        assert!((24..=40).contains(&(ones / 64)), "half of the bits change: {}", ones / 64);
    }
}

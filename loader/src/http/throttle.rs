//! Counts wrong tokens by address.
//!
//! The limit keeps a client that lost its token from flooding the log and the processor; guessing a
//! random token is hopeless at any rate. That is why the right token always passes: behind one
//! address there may be others, and they must not pay for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many wrong tokens an address may show within one second.
const TOLERATED: u32 = 10;

const WINDOW: Duration = Duration::from_secs(1);

/// The wrong tokens of the present second.
#[derive(Default)]
pub(super) struct Throttle(Mutex<Option<Window>>);

struct Window {
    began: Instant,
    /// Emptied every second, so it stays as small as one second's traffic.
    wrong: HashMap<IpAddr, u32>,
}

/// What to say to a wrong token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// That it is wrong.
    Tolerated,
    /// To come back later.
    TooMany,
}

impl Throttle {
    /// Takes note of a wrong token.
    pub(super) fn count(&self, peer: IpAddr, now: Instant) -> Verdict {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = window.get_or_insert_with(|| Window { began: now, wrong: HashMap::new() });
        if now.saturating_duration_since(window.began) >= WINDOW {
            *window = Window { began: now, wrong: HashMap::new() };
        }
        let wrong = window.wrong.entry(peer).or_default();
        *wrong = wrong.saturating_add(1);
        if *wrong > TOLERATED { Verdict::TooMany } else { Verdict::Tolerated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_wrong_token_within_a_second_is_too_many() {
        let throttle = Throttle::default();
        let (peer, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let began = Instant::now();
        for _ in 0..10 {
            assert_eq!(throttle.count(peer, began), Verdict::Tolerated);
        }
        assert_eq!(throttle.count(peer, began + WINDOW / 2), Verdict::TooMany);
        assert_eq!(throttle.count(other, began), Verdict::Tolerated, "addresses are counted apart");
        assert_eq!(throttle.count(peer, began + WINDOW), Verdict::Tolerated, "a second is over");
    }
}

//! When a task runs: what its manifest says, and what the operator says otherwise.

use crate::config;
use serde_json::{Map, Value};
use std::time::Duration;

/// The longest interval and jitter: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// When a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// Whether it runs by itself.
    pub(super) enabled: bool,
    /// From one run's time to the next; zero for one that runs only when it is asked to.
    pub(super) interval: Duration,
    /// The most that chance adds to a wait.
    pub(super) jitter: Duration,
    /// Whether the first run waits for one interval.
    pub(super) skip_initial_run: bool,
    /// What becomes of a run whose time comes while one goes on.
    pub(super) overlap: Overlap,
    /// The longest a run may take; none for the plugin's own limit.
    pub(super) timeout: Option<Duration>,
}

/// What becomes of a run whose time comes while one goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlap {
    /// It is left out.
    Skip,
    /// It is done right after; one at most waits.
    Queue,
    /// It is done beside it.
    Allow,
}

impl Rhythm {
    /// What the attributes of a manifest and the operator's settings make together.
    pub(super) fn of(attributes: &Map<String, Value>, own: Option<&config::Task>) -> Self {
        let number = |key: &str| attributes.get(key).and_then(Value::as_u64);
        let time = |key: &str| Duration::from_millis(number(key).unwrap_or_default()).min(LONGEST);
        let asked = own
            .and_then(|own| own.interval_ms)
            .map(|asked| Duration::from_millis(asked).min(LONGEST));
        Self {
            enabled: own.is_none_or(|own| own.enabled),
            interval: asked.unwrap_or_else(|| time("interval_ms")),
            jitter: time("jitter_ms"),
            skip_initial_run: attributes.get("skip_initial_run") == Some(&Value::Bool(true)),
            overlap: match attributes.get("overlap").and_then(Value::as_str) {
                Some("queue") => Overlap::Queue,
                Some("allow") => Overlap::Allow,
                _ => Overlap::Skip,
            },
            timeout: number("timeout_ms").map(Duration::from_millis),
        }
    }

    /// Whether time alone makes it run.
    pub(super) fn is_regular(&self) -> bool {
        self.enabled && !self.interval.is_zero()
    }

    /// The wait before the first run.
    pub(super) fn first_wait(&self) -> Duration {
        if self.skip_initial_run { self.wait() } else { self.chance() }
    }

    /// The wait from one run's time to the next.
    pub(super) fn wait(&self) -> Duration {
        self.interval + self.chance()
    }

    fn chance(&self) -> Duration {
        let most = u64::try_from(self.jitter.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(fastrand::u64(0..=most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(attributes: Value, own: Option<&config::Task>) -> Rhythm {
        Rhythm::of(attributes.as_object().expect("a table"), own)
    }

    #[test]
    fn a_task_that_says_nothing_runs_when_it_is_asked_to() {
        let rhythm = of(json!({}), None);
        assert!(rhythm.enabled && !rhythm.is_regular());
        assert_eq!((rhythm.overlap, rhythm.timeout), (Overlap::Skip, None));
    }

    #[test]
    fn the_operator_has_the_last_word() {
        let attributes = json!({ "interval_ms": 1000, "overlap": "queue", "timeout_ms": 50 });
        let own = config::Task { enabled: true, interval_ms: Some(20) };
        let rhythm = of(attributes.clone(), Some(&own));
        assert_eq!(rhythm.interval, Duration::from_millis(20));
        assert_eq!(rhythm.overlap, Overlap::Queue);
        assert_eq!(rhythm.timeout, Some(Duration::from_millis(50)));
        let off = config::Task { enabled: false, interval_ms: None };
        assert!(!of(attributes, Some(&off)).is_regular());
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_differs() {
        let rhythm = of(json!({ "interval_ms": 1000, "jitter_ms": 200 }), None);
        let (shortest, longest) = (Duration::from_millis(1000), Duration::from_millis(1200));
        let waits: Vec<Duration> = (0..200).map(|_| rhythm.wait()).collect();
        assert!(waits.iter().all(|wait| (shortest..=longest).contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait != waits[0]), "chance has no part in it");
        assert!((0..200).all(|_| rhythm.first_wait() <= Duration::from_millis(200)));
        let later = of(json!({ "interval_ms": 1000, "skip_initial_run": true }), None);
        assert_eq!(later.first_wait(), shortest);
    }
}

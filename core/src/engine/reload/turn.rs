//! The right to change which generation of a plugin serves: one change follows another.

use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// What lets one change of a plugin follow another.
pub(in crate::engine) struct Turn {
    lock: Arc<Mutex<()>>,
    /// How many wait for it: a watch over a generation ends early for them.
    wanted: watch::Sender<u64>,
}

impl Default for Turn {
    fn default() -> Self {
        Self { lock: Arc::default(), wanted: watch::Sender::new(0) }
    }
}

/// Somebody who waits; nobody any more when this is dropped.
struct Wish<'a>(&'a watch::Sender<u64>);

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|wanted| *wanted -= 1);
    }
}

impl Turn {
    /// Waits for the right to change which generation serves, and ends the watch of whoever has it.
    pub(in crate::engine) async fn take(&self) -> OwnedMutexGuard<()> {
        self.wanted.send_modify(|wanted| *wanted += 1);
        let _wish = Wish(&self.wanted);
        self.lock.clone().lock_owned().await
    }

    /// Waits until somebody else waits for it.
    pub(super) async fn is_wanted(&self) {
        // The sender lives as long as `self`.
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted > 0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::pin::pin;

    #[test]
    fn who_stops_waiting_does_not_want_it_any_more() {
        let turn = Turn::default();
        let held = turn.take().now_or_never().expect("it is free");
        assert!(turn.is_wanted().now_or_never().is_none());
        {
            let mut waiting = pin!(turn.take());
            assert!(waiting.as_mut().now_or_never().is_none());
            assert!(turn.is_wanted().now_or_never().is_some());
        }
        assert!(turn.is_wanted().now_or_never().is_none());
        drop(held);
        assert!(turn.take().now_or_never().is_some());
    }
}

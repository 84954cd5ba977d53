//! The watch over a fresh generation.

use super::{Reloading, Step};
use crate::{
    diagnostic::Diagnostic,
    generation::Generation,
    reload::{Event, canary::judge},
};
use std::{sync::Arc, time::Duration};

/// How often a watched generation is asked whether it is well.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// How often the latency of a watched generation is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

impl Reloading<'_> {
    pub(super) async fn watch(&mut self) -> Step {
        let policy = self.engine.options().reload.canary;
        let window = self.request.window.unwrap_or(policy.window);
        let fresh = self.published_generation()?;
        let fault = if window.is_zero() { None } else { self.fault_of(&fresh, window).await };
        let digest = self.published(|running, _| running.vetted.digest());
        let Some(finding) = fault else {
            fresh.canary().unwatch();
            digest.inspect(|digest| self.engine.forgive(self.plugin, digest));
            return Ok(Event::Done);
        };
        digest.inspect(|digest| self.reject(*digest));
        Err(vec![finding])
    }

    /// Watches the fresh generation; what speaks against it, if anything does before the time is up.
    async fn fault_of(&self, fresh: &Arc<Generation>, window: Duration) -> Option<Diagnostic> {
        let (old, behind) = self.old.as_ref()?;
        let policy = self.engine.options().reload.canary;
        let served = self.published(|_, served| served.clone())?;
        let began = self.published(|running, _| running.since.clone())?;
        let before = began.since(&old.since);
        let end = tokio::time::Instant::now() + window;
        let mut health = tokio::time::interval(HEALTH_INTERVAL.min(window));
        let hint = format!(
            "its log of that time says why; once it is mended: loader plugins reload {}",
            self.plugin
        );
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return None,
                () = self.turn.is_wanted() => return None,
                _ = health.tick() => if let Err(failure) = self.ask_health(fresh).await {
                    let what = "it is not well";
                    return self.failure("LDR-RELOAD-CANARY", what, failure, &hint).pop();
                },
                () = behind.failed() => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            // Calls that the old generation answered in its place count as failed.
            let mut now = served.reading().since(&began);
            now.failures = behind.failures();
            now.calls = now.calls.max(now.failures);
            if let Some(fault) = judge(&policy, now, before) {
                return Some(self.find("LDR-RELOAD-CANARY", fault.to_string()).hint(hint));
            }
        }
    }
}

//! Takes plugins out of service whose bytes are denied while they serve.

use super::Engine;
use crate::{
    diagnostic::Diagnostic,
    registry::Status,
    trust::Records,
    vetting::{self, Policy},
};
use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tracing::error;

/// How often the denials are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long calls of a denied plugin may go on.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a folder's time of change may lie behind what was last done to it.
const GRANULARITY: Duration = Duration::from_secs(2);

/// Starts the watch; it ends with the engine.
pub(super) fn spawn(engine: &Engine) {
    let weak = Arc::downgrade(&engine.0);
    let folder = Records::of(&engine.0.options().state_dir).denials();
    tokio::spawn(async move {
        let mut seen = None;
        loop {
            tokio::time::sleep(INTERVAL).await;
            let Some(inner) = weak.upgrade() else { return };
            // One look at the folder, and at what is in it only when that may have changed.
            let changed = fs::metadata(&folder).and_then(|found| found.modified()).ok();
            let is_recent = changed.is_some_and(|changed| {
                SystemTime::now().duration_since(changed).is_ok_and(|age| age < GRANULARITY)
            });
            if changed == seen && !is_recent {
                continue;
            }
            seen = changed;
            Engine(inner).withdraw_denied().await;
        }
    });
}

impl Engine {
    /// Stops every plugin whose bytes are denied, and says which.
    pub(super) async fn withdraw_denied(&self) -> Vec<(String, Diagnostic)> {
        let policy = super::survey::policy(&self.0.options());
        let denied = self.denied(&policy);
        for (id, finding) in denied.clone() {
            error!(plugin = id, code = finding.code, "{finding}");
            self.unload(&id, DRAIN).await;
            self.0.registry.publish(|snapshot| {
                snapshot.update(&id, |record| {
                    record.status = Status::Failed;
                    record.skills = Vec::new();
                    record.diagnostics.push(finding);
                });
            });
        }
        denied
    }

    fn denied(&self, policy: &Policy) -> Vec<(String, Diagnostic)> {
        let loaded = self.0.loaded();
        let denied = loaded.iter().filter_map(|loaded| {
            let findings = vetting::denials(
                loaded.running.candidate(),
                loaded.running.vetted.digest(),
                policy,
            );
            let finding = findings.into_iter().next()?;
            Some((
                loaded.id.clone(),
                finding.about(&loaded.id).at(loaded.running.candidate().folder()),
            ))
        });
        denied.chain(self.denied_bundles(policy)).collect()
    }
}

//! Takes plugins out of service whose bytes are denied while they serve.

use super::{Engine, bundles};
use crate::{diagnostic::Diagnostic, registry::Status, trust::Records, vetting};
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
            // Whoever stops the engine waits for this.
            let _look = inner.tasks.token();
            Engine(inner).withdraw_denied().await;
        }
    });
}

impl Engine {
    /// Stops every plugin whose bytes are denied, and says which.
    pub(super) async fn withdraw_denied(&self) -> Vec<(String, Diagnostic)> {
        let denied = self.denied().await.unwrap_or_else(|finding| {
            error!(code = finding.code, "the denials could not be looked at: {finding}");
            Vec::new()
        });
        for (id, finding) in denied.clone() {
            error!(plugin = id, code = finding.code, "{finding}");
            self.unload(&id, DRAIN).await;
            self.0.registry.publish(|snapshot| {
                snapshot.update(&id, |record| {
                    record.status = Status::Failed;
                    record.skills = Vec::new();
                    record.findings.push(finding);
                });
            });
        }
        denied
    }

    async fn denied(&self) -> Result<Vec<(String, Diagnostic)>, Diagnostic> {
        let serving: Vec<_> = {
            let loaded = self.0.loaded();
            let running = loaded.iter().map(|one| &one.running);
            running.map(|one| (one.candidate().clone(), one.vetted.digest())).collect()
        };
        let (options, snapshot) = (self.options(), self.snapshot());
        let look = move || {
            let policy = super::survey::policy(&options);
            let denied = serving.into_iter().filter_map(|(candidate, digest)| {
                let finding = vetting::denials(&candidate, digest, &policy).into_iter().next()?;
                let finding = finding.about(candidate.id()).at(candidate.folder());
                Some((candidate.id().to_owned(), finding))
            });
            denied.chain(bundles::denied(&snapshot, &policy)).collect()
        };
        let looked = tokio::task::spawn_blocking(look).await;
        looked.map_err(|ended| Diagnostic::panicked("the look", ended))
    }
}

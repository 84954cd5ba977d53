//! Bundles: known to the registry, and nothing of them runs.

use super::{Inner, survey};
use crate::{
    diagnostic::Diagnostic,
    discovery::Candidate,
    manifest::Bundle,
    registry::{Snapshot, Status},
    vetting::{self, Policy, VettedBundle, vet_bundle},
};
use tracing::info;

impl Inner {
    /// Vets a bundle and enters it into the registry. Returns what there is to say.
    pub(super) async fn take_in(&self, candidate: &Candidate, bundle: &Bundle) -> Vec<Diagnostic> {
        let (options, examined, bundle) = (self.options(), candidate.clone(), bundle.clone());
        let work = move || vet_bundle(&examined, &bundle, &survey::policy(&options));
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(vetted)) => self.enter(candidate, &vetted),
            Ok(Err(findings)) => self.failed(candidate, findings),
            Err(ended) => {
                let finding = Diagnostic::panicked("the examination", ended);
                self.failed(candidate, vec![finding.about(candidate.id())])
            }
        }
    }

    fn enter(&self, candidate: &Candidate, vetted: &VettedBundle) -> Vec<Diagnostic> {
        let mut record = self.record(candidate, Status::Ready);
        record.digest = Some(vetted.digest().to_string());
        record.skills = vetted.skills().to_vec();
        record.findings = vetted.warnings().to_vec();
        self.registry.publish(|snapshot| snapshot.put(record));
        let skills = vetted.skills().len();
        info!(plugin = candidate.id(), version = %candidate.spec().version, skills, "bundle ready");
        vetted.warnings().to_vec()
    }
}

/// The bundles in use whose manifests are denied. Blocking.
pub(super) fn denied(snapshot: &Snapshot, policy: &Policy) -> Vec<(String, Diagnostic)> {
    let ready = snapshot.plugins().filter(|record| record.status == Status::Ready);
    let denied = ready.filter_map(|record| {
        let digest = record.digest.as_ref()?.parse().ok()?;
        let finding = vetting::denial_of_bundle(digest, policy)?;
        Some((record.id.clone(), finding.about(&record.id).at(&record.folder)))
    });
    denied.collect()
}

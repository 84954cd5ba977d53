//! Bundles: known to the registry, and nothing of them runs.

use super::{Engine, Inner, load::internal, survey};
use crate::{
    diagnostic::Diagnostic,
    discovery::Candidate,
    manifest::Bundle,
    registry::Status,
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
            Err(_) => self.failed(candidate, vec![internal(candidate, "the examination panicked")]),
        }
    }

    fn enter(&self, candidate: &Candidate, vetted: &VettedBundle) -> Vec<Diagnostic> {
        let mut record = self.record(candidate, Status::Ready);
        record.digest = Some(vetted.digest().to_string());
        record.skills = vetted.skills().to_vec();
        record.diagnostics = vetted.warnings().to_vec();
        self.registry.publish(|snapshot| snapshot.put(record));
        let skills = vetted.skills().len();
        info!(plugin = candidate.id(), version = %candidate.spec().version, skills, "bundle ready");
        vetted.warnings().to_vec()
    }
}

impl Engine {
    /// The bundles in use whose manifests are denied.
    pub(super) fn denied_bundles(&self, policy: &Policy) -> Vec<(String, Diagnostic)> {
        let snapshot = self.snapshot();
        let ready = snapshot.plugins().filter(|record| record.status == Status::Ready);
        let denied = ready.filter_map(|record| {
            let digest = record.digest.as_ref()?.parse().ok()?;
            let finding = vetting::denial_of_bundle(digest, policy)?;
            Some((record.id.clone(), finding.about(&record.id).at(&record.folder)))
        });
        denied.collect()
    }
}

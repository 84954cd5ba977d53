//! Whether a release may be installed: looked at exactly as it would be before it is loaded.

use super::{Installer, Trial, description::root_at, one};
use crate::{
    configuration,
    diagnostic::Diagnostic,
    discovery::{self, Candidate, Provenance},
    trust::lock::Installed,
    vetting::{Passed, vet_bundle, vet_fresh},
};
use std::{path::Path, sync::Arc};

impl Installer<'_> {
    /// Says what speaks against installing from a folder: what speaks against loading from it, because
    /// whoever can change it decides what a copy of it would be.
    pub fn judge(&self, folder: &Path) -> Result<(), Vec<Diagnostic>> {
        let (candidates, mut findings) =
            discovery::look_at(folder, &root_at(folder), Provenance::Placed);
        let refused =
            candidates.iter().filter_map(|candidate| pass(candidate, self, &|_| Ok(())).err());
        findings.extend(refused.flatten());
        // That nobody installed it is about to change.
        findings.retain(|finding| finding.is_error() && finding.code != "LDR-VET-UNTRACKED");
        match findings.is_empty() {
            true => Ok(()),
            false => Err(findings),
        }
    }
}

/// Vets a release that is in its place, and returns what is worth mending.
pub(super) fn examine_kept(
    installer: &Installer<'_>,
    release: &Installed,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let folder = installer.root.join(&release.folder);
    examine(installer, &folder, release, &|_| Ok(())).map(|(_, findings)| findings)
}

/// Vets every plugin of a release as it would be vetted before it is loaded, and tries it.
pub(super) fn examine(
    installer: &Installer<'_>,
    folder: &Path,
    release: &Installed,
    trial: Trial<'_>,
) -> Result<(Vec<Passed>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let provenance = Provenance::Prepared(Arc::new(release.clone()));
    let (candidates, mut findings) =
        discovery::look_at(folder, &root_at(installer.root), provenance);
    if candidates.is_empty() {
        return Err(findings);
    }
    let mut passed = Vec::new();
    for candidate in &candidates {
        match pass(candidate, installer, trial) {
            Ok(one) => {
                findings.extend(one.warnings().iter().cloned());
                passed.push(one);
            }
            Err(refusals) => findings.extend(refusals),
        }
    }
    if passed.len() == candidates.len() { Ok((passed, findings)) } else { Err(findings) }
}

/// Whether a plugin could be loaded, with a configuration that fits, or a bundle be used. A library that
/// passed the gate is tried.
fn pass(
    candidate: &Candidate,
    installer: &Installer<'_>,
    trial: Trial<'_>,
) -> Result<Passed, Vec<Diagnostic>> {
    if let Some(bundle) = candidate.bundle() {
        return vet_bundle(candidate, bundle, installer.policy).map(Passed::Bundle);
    }
    let fresh = vet_fresh(candidate, installer.policy)?;
    configuration::check_schema(candidate).map_err(one)?;
    trial(&fresh).map_err(one)?;
    Ok(Passed::Plugin(fresh.into_vetted()))
}

/// Names files by where they came from: the draft is gone when the finding is read.
pub(super) fn elsewhere(mut finding: Diagnostic, folder: &Path, release: &Installed) -> Diagnostic {
    let source = Path::new(&release.source);
    let (from, to) = (folder.display().to_string(), source.display().to_string());
    if let Some(place) = &mut finding.place
        && let Ok(rest) = place.path.strip_prefix(folder)
    {
        place.path =
            if rest.as_os_str().is_empty() { source.to_owned() } else { source.join(rest) };
    }
    finding.message = finding.message.replace(&from, &to);
    finding.hint = finding.hint.map(|hint| hint.replace(&from, &to));
    finding
}

//! Whether the files of an installed release are still those that were installed, and whether a
//! plugin that was never installed may be in a folder that is managed.

use super::{MAX_LIBRARY_BYTES, Policy};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::{Candidate, Origin, Provenance},
    folder::{Folder, shell_word},
    manifest::{Library, RelativePath},
    trust::{Mark, Untracked, lock::Installed},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Everything in which an installed plugin is not what its lock says. `read` are the files that were
/// read to be used, and the digests of what was read.
pub(super) fn check(
    candidate: &Candidate,
    folder: &Folder,
    read: &[(&RelativePath, Digest)],
    policy: &Policy,
) -> Vec<Diagnostic> {
    match candidate.provenance() {
        Provenance::Installed(release) => {
            let mut refusals = check_files(candidate, folder, release, read);
            refusals.extend(check_mark(candidate, release, policy));
            refusals
        }
        Provenance::Prepared(release) => check_files(candidate, folder, release, read),
        Provenance::Placed if candidate.origin() == Origin::User => {
            vec![untracked(candidate, policy.trust.untracked)]
        }
        Provenance::Placed | Provenance::Linked => Vec::new(),
    }
}

/// Compares every file that is used here; the libraries of other platforms are not.
fn check_files(
    candidate: &Candidate,
    folder: &Folder,
    release: &Installed,
    read: &[(&RelativePath, Digest)],
) -> Vec<Diagnostic> {
    let read: BTreeMap<&RelativePath, Digest> = read.iter().copied().collect();
    let others = libraries(candidate);
    let used =
        release.files.iter().filter(|(path, _)| read.contains_key(path) || !others.contains(path));
    let mut refusals: Vec<Diagnostic> = used
        .filter_map(|(path, wanted)| {
            let found = if let Some(digest) = read.get(path) {
                Ok(*digest)
            } else {
                let bytes = folder.file(path).and_then(|mut file| file.read(MAX_LIBRARY_BYTES));
                bytes.map(|bytes| Digest::of(&bytes))
            };
            let what = match found {
                Ok(found) if found == *wanted => return None,
                Ok(found) => format!("has digest {found}; {wanted} was installed"),
                Err(problem) => problem.to_string(),
            };
            let message = format!("`{path}` is not what was installed: it {what}");
            let finding = Diagnostic::error("LDR-VET-LOCK", message);
            Some(finding.at(&path.under(candidate.folder())).hint(install_again(release)))
        })
        .collect();
    // The manifest as it was read, which need not be the one that is there by now.
    if release.files.get(&RelativePath::manifest()) != Some(&candidate.manifest_digest())
        && refusals.is_empty()
    {
        let message = "the manifest is not what was installed";
        let finding = Diagnostic::error("LDR-VET-LOCK", message).at(candidate.manifest_path());
        refusals.push(finding.hint(install_again(release)));
    }
    let unknown = read.keys().filter(|path| !release.files.contains_key(**path));
    refusals.extend(unknown.map(|path| {
        let message = format!("`{path}` was not installed");
        let finding = Diagnostic::error("LDR-VET-LOCK", message);
        finding.at(&path.under(candidate.folder())).hint(install_again(release))
    }));
    refusals
}

/// Every library that the manifest names.
fn libraries(candidate: &Candidate) -> BTreeSet<&RelativePath> {
    let manifest = candidate.manifest();
    let extensions = manifest.extensions.iter().filter_map(|one| one.library.as_ref());
    manifest.library.iter().chain(extensions).flat_map(Library::files).collect()
}

fn check_mark(candidate: &Candidate, release: &Installed, policy: &Policy) -> Option<Diagnostic> {
    let records = policy.records.as_ref()?;
    let mark = match records.mark(&release.id) {
        Ok(mark) => mark?,
        Err(damage) => return Some(damage),
    };
    let reason = mark.forbids(&Mark::of(release))?;
    let message = format!("the installed release {reason}: an older lock was put back");
    let hint = format!(
        "loader plugins update {0}; or, if it is meant, loader plugins install --allow-downgrade {1}",
        release.id,
        shell_word(candidate.folder())
    );
    Some(Diagnostic::error("LDR-VET-DOWNGRADE", message).at(candidate.folder()).hint(hint))
}

fn install_again(release: &Installed) -> String {
    format!("loader plugins install {}", shell_word(Path::new(&release.source)))
}

fn untracked(candidate: &Candidate, policy: Untracked) -> Diagnostic {
    let message = "nobody installed it: whatever is in its folder is loaded";
    let finding = match policy {
        Untracked::Warn => Diagnostic::warning("LDR-VET-UNTRACKED", message),
        Untracked::Refuse => {
            let message = "nobody installed it, and plugins.trust.untracked is \"refuse\"";
            Diagnostic::error("LDR-VET-UNTRACKED", message)
        }
    };
    let folder = shell_word(candidate.folder());
    finding
        .at(candidate.folder())
        .hint(format!("loader plugins install {folder} && rm -r {folder}"))
}

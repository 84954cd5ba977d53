//! What a plugin's publisher released, and whether the operator takes the publisher's word.

use super::Policy;
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::Candidate,
    folder::{Folder, Unreadable, shell_word},
    manifest::RelativePath,
    package::Files,
    trust::{
        Release,
        release::{self, FILE_NAME, SIGNATURE_FILE_NAME},
        signature::{self, Claim, SignedBy},
    },
};
use serde::Serialize;

/// What the release file beside a manifest says, when it holds for the files that are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Released {
    /// Grows with every release.
    pub serial: u64,
    /// Who signed it; `None` when nobody known did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<SignedBy>,
}

/// What is known of a plugin's release, and what there is to say about it. `read` are the files that were
/// read to be used, and the digests of what was read.
pub(super) fn check(
    candidate: &Candidate,
    folder: &Folder,
    read: &[(&RelativePath, Digest)],
    policy: &Policy,
) -> (Option<Released>, Vec<Diagnostic>) {
    let mut findings = Vec::new();
    let released = look_at(candidate, folder, read, policy, &mut findings);
    (released, findings)
}

fn look_at(
    candidate: &Candidate,
    folder: &Folder,
    read: &[(&RelativePath, Digest)],
    policy: &Policy,
    findings: &mut Vec<Diagnostic>,
) -> Option<Released> {
    let release_path = candidate.folder().join(FILE_NAME);
    let content = |name, limit| match read_beside(candidate, folder, name, limit) {
        Ok(content) => Ok(content),
        Err(refusal) => Err(vec![refusal]),
    };
    let judged = content(FILE_NAME, release::MAX_BYTES).and_then(|text| {
        let signature = content(SIGNATURE_FILE_NAME, signature::MAX_BYTES)?;
        let release = text.as_deref().map(|text| parse(candidate, text)).transpose()?;
        let claim = text.as_deref().zip(release.as_ref()).map(|(text, (release, _))| Claim {
            release,
            text,
            signature: signature.as_deref(),
        });
        let id = &candidate.manifest().id;
        let judgement = signature::judge(&policy.trust, candidate.origin(), id, claim)
            .map_err(|refusal| vec![refusal.at(&release_path)])?;
        Ok((release, judgement))
    });
    match judged {
        Err(refusals) => {
            findings.extend(refusals);
            None
        }
        Ok((release, judgement)) => {
            findings.extend(judgement.warning.map(|warning| warning.at(&release_path)));
            let signer = judgement.signed_by.as_ref().map(|signed| signed.publisher.as_str());
            findings.extend(withdrawn(candidate, signer));
            let (release, warnings) = release?;
            findings.extend(warnings);
            findings.extend(disagreements(candidate, read, &release));
            Some(Released { serial: release.serial, signed_by: judgement.signed_by })
        }
    }
}

/// An installed release whose publisher's key was taken out of the configuration since.
fn withdrawn(candidate: &Candidate, signer: Option<&str>) -> Option<Diagnostic> {
    let release = candidate.installed()?;
    let publisher = release.publisher.as_deref().filter(|publisher| signer != Some(publisher))?;
    let message = format!(
        "`{publisher}` signed it when it was installed; no key that counts today verifies that"
    );
    let hint = format!(
        "loader plugins update {}; or put the key back into plugins.trust.publishers",
        release.id
    );
    let finding = Diagnostic::error("LDR-SIGN-WITHDRAWN", message);
    Some(finding.at(&candidate.folder().join(FILE_NAME)).hint(hint))
}

/// A small file beside the manifest; `None` when there is none.
fn read_beside(
    candidate: &Candidate,
    folder: &Folder,
    name: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>, Diagnostic> {
    let path: RelativePath = name.parse().expect("a file name");
    match folder.file(&path).and_then(|mut file| file.read(limit as u64)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Unreadable::Missing) => Ok(None),
        Err(problem) => {
            let path = path.under(candidate.folder());
            let message = format!("`{name}` {problem}");
            let hint = format!("make it a plain file you may read; ls -l {}", shell_word(&path));
            Err(Diagnostic::error("LDR-RELEASE-READ", message).at(&path).hint(hint))
        }
    }
}

fn parse(
    candidate: &Candidate,
    text: &[u8],
) -> Result<(Release, Vec<Diagnostic>), Vec<Diagnostic>> {
    let path = candidate.folder().join(FILE_NAME);
    let text = std::str::from_utf8(text).map_err(|_| {
        let finding = Diagnostic::error("LDR-RELEASE-SYNTAX", "the release file is not UTF-8 text");
        vec![finding.at(&path).hint("get the package again from its publisher")]
    })?;
    let parsed = Release::parse(&path, text);
    match parsed.release {
        Some(release) => Ok((release, parsed.diagnostics)),
        None => Err(parsed.diagnostics),
    }
}

/// In what the files that count here are not what was released. For an installed release that is
/// every file; for any other, the manifest and what was read.
fn disagreements(
    candidate: &Candidate,
    read: &[(&RelativePath, Digest)],
    release: &Release,
) -> Vec<Diagnostic> {
    let folder = candidate.folder();
    let mut findings = match candidate.installed() {
        Some(installed) => {
            let files = installed.files.iter();
            let files: Files = files.map(|(path, digest)| (path.clone(), (*digest, 0))).collect();
            release.differences(folder, &files)
        }
        None => {
            let manifest = (RelativePath::manifest(), candidate.manifest_digest());
            let read = read.iter().map(|(path, digest)| ((*path).clone(), *digest));
            let here = read.chain([manifest]);
            let files: Files = here.map(|(path, digest)| (path, (digest, 0))).collect();
            let counted = release.files.iter().filter(|(path, _)| files.contains_key(*path));
            let files_of_interest = counted.map(|(path, digest)| (path.clone(), *digest)).collect();
            Release { files: files_of_interest, ..release.clone() }.differences(folder, &files)
        }
    };
    let version = &candidate.manifest().version;
    if release.version != *version {
        let message = format!("the release is {}, the manifest says {version}", release.version);
        let finding = Diagnostic::error("LDR-RELEASE-VERSION", message).at(&folder.join(FILE_NAME));
        findings.push(finding.hint("get the package again from its publisher"));
    }
    findings
}

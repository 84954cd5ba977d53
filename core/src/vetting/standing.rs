//! What is known about exactly these bytes: whether somebody said that they never run any more.

use super::Policy;
use crate::{diagnostic::Diagnostic, digest::Digest, discovery::Candidate};

/// Everything that speaks against a library's bytes, or against its manifest's.
pub(super) fn check(candidate: &Candidate, library: Digest, policy: &Policy) -> Vec<Diagnostic> {
    let files = [("library", library), ("manifest", candidate.manifest_digest())];
    files.into_iter().filter_map(|(file, digest)| denied(file, digest, policy)).collect()
}

fn denied(file: &str, digest: Digest, policy: &Policy) -> Option<Diagnostic> {
    if let Some(reason) = policy.trust.denied.get(&digest) {
        let message = format!("the {file} with digest {digest} is denied by {reason}");
        let hint = "install another release; or take the digest out of plugins.trust.denied";
        return Some(Diagnostic::error("LDR-VET-DENIED", message).hint(hint));
    }
    let record = policy.records.as_ref()?.denial(digest)?;
    let reason = match record.reason.as_str() {
        "" => String::new(),
        reason => format!(": {}", reason.escape_debug()),
    };
    let message = format!("the {file} with digest {digest} is denied{reason}");
    let hint = format!("install another release; or take it back: loader plugins allow {digest}");
    Some(Diagnostic::error("LDR-VET-DENIED", message).hint(hint))
}

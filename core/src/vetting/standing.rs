//! What is known about exactly these bytes: whether somebody said that they never run any more, and
//! whether they did damage when they were tried, or while they served.

use super::Policy;
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::Candidate,
    moment,
    trust::{Phase, QuarantineRecord},
};

/// Everything that speaks against the bytes of a library, if there is one, or of a manifest.
pub(super) fn check(
    candidate: &Candidate,
    library: Option<Digest>,
    policy: &Policy,
) -> Vec<Diagnostic> {
    let library_denied = library.and_then(|library| denied("library", library, policy));
    let manifest_denied = denied("manifest", candidate.manifest_digest(), policy);
    let quarantined = library.and_then(|library| quarantined(library, policy));
    library_denied.into_iter().chain(manifest_denied).chain(quarantined).collect()
}

/// Whether somebody said that a file of these bytes is not to be used.
pub(super) fn denied(file: &str, digest: Digest, policy: &Policy) -> Option<Diagnostic> {
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

fn quarantined(library: Digest, policy: &Policy) -> Option<Diagnostic> {
    let record = policy.records.as_ref()?.quarantine(library)?;
    if record.is_over(moment::now()) {
        return None;
    }
    if record.crash.is_some() && policy.serve_crashed {
        let message = format!("the library is served all the same: {}", describe(&record));
        return Some(Diagnostic::warning("LDR-CRASH-SERVED", message).hint(format!(
            "install another release; or forget it: loader plugins quarantine clear {library}"
        )));
    }
    let message = format!("the library is in quarantine: {}", describe(&record));
    let again = match record.crash {
        Some(_) => "have it served again",
        None => "have it tried again",
    };
    let hint =
        format!("install another release; or {again}: loader plugins quarantine clear {library}");
    Some(Diagnostic::error("LDR-VET-QUARANTINED", message).hint(hint))
}

/// What a library did, when, and until when that counts.
fn describe(record: &QuarantineRecord) -> String {
    let QuarantineRecord { fault, phase, host_build, since, .. } = record;
    if fault.is_empty() {
        return "what it did is not known any more, because its record is damaged".to_owned();
    }
    if let Some(crash) = &record.crash {
        let times = match crash.count {
            0 | 1 => String::new(),
            count => format!(", the last of {count} times"),
        };
        let (version, when) = (&record.version, moment::in_words(*since));
        return format!("it {fault}, as version {version}, on {when}{times}");
    }
    let doing = match phase {
        Phase::Opening => "while it was opened",
        Phase::Opened | Phase::Accepted | Phase::Serving => "after it was opened",
    };
    let until = record
        .retry_at
        .map(|moment| format!("; it may be tried again from {} on", moment::in_words(moment)));
    format!(
        "it {fault} {doing}, in a trial of {} by {host_build}{}",
        moment::in_words(*since),
        until.unwrap_or_default()
    )
}

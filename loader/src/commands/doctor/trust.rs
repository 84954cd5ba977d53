//! Whether what is installed is what the lock says, and what is kept from running.

use std::fs;

use loader_core::trust::Records;
use loader_core::trust::lock::Lock;

use super::patient::Patient;
use crate::finding::Finding;
use crate::shell;

/// How the codes of what is wrong with a lock begin.
pub(super) const LOCK: &str = "LDR-LOCK-";

pub(super) fn lock(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| {
        let said = it.survey.diagnostics.iter().filter(|one| one.code.starts_with(LOCK));
        let mut findings: Vec<Finding> = said.cloned().map(Finding::from).collect();
        let Some(root) = it.context.user_plugins_dir() else { return findings };
        let Ok(Some(lock)) = Lock::read(&root) else { return findings };
        for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.contains('@') && !lock.has_folder(&name) {
                let message = "a release that the lock does not name: it is not used";
                let path = entry.path();
                let hint = format!("rm -r {}", shell::word(&path));
                findings.push(Finding::warning("LDR-LOCK-LEFTOVER", message).at(&path).hint(hint));
            }
        }
        findings
    })
}

pub(super) fn quarantine(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| {
        let quarantined = Records::of(&it.state.path).quarantined();
        let findings = quarantined.into_iter().map(|(digest, record)| {
            let (id, version) = (&record.plugin, &record.version);
            let message = format!("the library {digest} of `{id}` {version} {}", record.fault);
            let again = if record.crash.is_some() { "served" } else { "tried" };
            Finding::warning("LDR-DOCTOR-QUARANTINE", message)
                .hint(format!("to have it {again} again: loader plugins quarantine clear {digest}"))
        });
        findings.collect()
    })
}

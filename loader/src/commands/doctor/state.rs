//! Whether a gateway could use the state folder.

use loader_core::crash;
use rustix::fs::statvfs;

use super::patient::Patient;
use crate::finding::Finding;
use crate::shell;

/// Less is hardly enough for a copy of each bundled plugin.
const LEAST_FREE: u64 = 64 * 1024 * 1024;

pub(super) fn folder(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| it.state.folder.as_ref().err().cloned().into_iter().collect())
}

pub(super) fn token(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| it.state.token.iter().cloned().collect())
}

pub(super) fn store(patient: &Patient) -> Vec<Finding> {
    let store = |store: &Result<_, Finding>| store.as_ref().err().cloned();
    patient.look(|it| it.state.store.as_ref().and_then(store).into_iter().collect())
}

pub(super) fn crashes(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| crash::check(&it.state.path).map(Finding::from).into_iter().collect())
}

pub(super) fn space(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| {
        let path = &it.state.path;
        let Some(above) = path.ancestors().find(|above| above.exists()) else { return Vec::new() };
        let Ok(found) = statvfs(above) else { return Vec::new() };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        if free >= LEAST_FREE {
            return Vec::new();
        }
        let message = format!("only {} KiB are free for copies of libraries", free / 1024);
        let hint = format!("df -h {}", shell::word(above));
        vec![Finding::warning("LDR-DOCTOR-SPACE", message).at(path).hint(hint)]
    })
}

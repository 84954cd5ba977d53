//! `loader plugins`: looks at plugins without running any of their code.

mod audit;
mod inspect;
mod list;
mod quarantine;

pub(super) use self::audit::audit;
pub(super) use self::inspect::inspect;
pub(super) use self::list::{list, nothing_found};
pub(super) use self::quarantine::{quarantined, release};

use loader_core::Surveyed;
use loader_core::diagnostic::Diagnostic;
use loader_core::manifest::Provided;
use serde::Serialize;

/// What would become of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    /// It would be loaded.
    Ok,
    /// It is switched off.
    Disabled,
    /// It is switched on but unfit.
    Refused,
    /// It is switched on, but did damage when it was tried.
    Quarantined,
}

impl Status {
    fn of(plugin: &Surveyed) -> Self {
        match (plugin.decision.enabled, &plugin.verdict) {
            (false, _) => Self::Disabled,
            (true, Ok(_)) => Self::Ok,
            (true, Err(reasons)) => {
                let is_quarantine = |reason: &Diagnostic| reason.code == "LDR-VET-QUARANTINED";
                if reasons.iter().any(is_quarantine) { Self::Quarantined } else { Self::Refused }
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Disabled => "disabled",
            Self::Refused => "refused",
            Self::Quarantined => "quarantined",
        }
    }
}

/// What a plugin provides, as `contract:id`.
fn provides(provided: &[Provided]) -> Vec<String> {
    provided.iter().map(|one| format!("{}:{}", one.contract, one.id)).collect()
}

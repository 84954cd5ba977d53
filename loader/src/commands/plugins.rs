//! `loader plugins`: looks at plugins without running any of their code, and installs them.

mod audit;
mod deny;
mod diff;
mod history;
mod inspect;
mod install;
mod link;
mod list;
mod origin;
mod pack;
mod remove;
mod rollback;
mod search;
mod site;
mod update;

pub(super) use self::deny::{allow, deny};
pub(super) use self::diff::diff;
pub(super) use self::history::history;
mod quarantine;

pub(super) use self::audit::audit;
pub(super) use self::inspect::inspect;
pub(super) use self::install::install;
pub(super) use self::link::{link, unlink};
pub(super) use self::list::{list, nothing_found};
pub(super) use self::pack::pack;
pub(super) use self::quarantine::{quarantined, release};
pub(super) use self::remove::remove;
pub(super) use self::rollback::rollback;
pub(super) use self::search::search;
pub(super) use self::update::update;

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

//! `loader plugins`: looks at plugins without running any of their code, and installs them.

mod audit;
mod deny;
mod diff;
mod history;
mod inspect;
mod install;
mod link;
pub(super) mod linked;
mod list;
mod origin;
mod pack;
mod quarantine;
mod remove;
mod rollback;
mod search;
mod site;
mod test;
mod unknown;
mod update;

pub(super) use self::list::nothing_found;
pub(super) use self::origin::Search;
pub(super) use self::site::findings;
pub(super) use self::test::child as test_child;
pub(super) use self::unknown::unknown;

use super::doctor;
use crate::args::{Global, Plugins, Quarantine};
use crate::context::Context;
use crate::output::{CommandResult, Output};
use loader_core::Surveyed;
use loader_core::diagnostic::Diagnostic;
use loader_core::manifest::Provided;
use loader_core::vetting::Passed;
use serde::Serialize;

/// Does what the arguments ask for.
pub(super) fn execute(command: &Plugins, global: &Global, output: &Output) -> CommandResult {
    let context = || Context::read(global, Vec::new());
    match command {
        Plugins::List => list::list(&context()?, output),
        Plugins::Inspect(wanted) => inspect::inspect(&context()?, &wanted.id),
        Plugins::Reload(wanted) => super::reloads::reload(&context()?, wanted),
        Plugins::Doctor(wanted) => doctor::of_plugins(wanted, global, output),
        Plugins::Audit(wanted) => audit::audit(&context()?, wanted.subject.as_deref()),
        Plugins::Test(wanted) => test::test(wanted, output),
        Plugins::Install(wanted) => install::install(&context()?, wanted, output),
        Plugins::Update(wanted) => update::update(&context()?, wanted, output),
        Plugins::Rollback(wanted) => rollback::rollback(&context()?, wanted),
        Plugins::Remove(wanted) => remove::remove(&context()?, wanted, output),
        Plugins::History(wanted) => history::history(&context()?, wanted.id.as_deref()),
        Plugins::Diff(wanted) => diff::diff(&context()?, wanted),
        Plugins::Search(wanted) => search::search(&context()?, wanted, output),
        Plugins::Pack(wanted) => pack::pack(&context()?, wanted, output),
        Plugins::Link(wanted) => link::link(&context()?, wanted),
        Plugins::Unlink(wanted) => link::unlink(&context()?, &wanted.id),
        Plugins::Deny(wanted) => deny::deny(&context()?, wanted),
        Plugins::Allow(wanted) => deny::allow(&context()?, wanted),
        Plugins::Quarantine(Quarantine::List) => quarantine::quarantined(&context()?),
        Plugins::Quarantine(Quarantine::Clear(wanted)) => quarantine::release(&context()?, wanted),
    }
}

/// What would become of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// It would be loaded.
    Ok,
    /// It is a bundle, and would be used; there is nothing to load.
    Ready,
    /// It is switched off.
    Disabled,
    /// It is switched on but unfit.
    Refused,
    /// It is switched on, but did damage when it was tried or while it served.
    Quarantined,
}

impl Status {
    pub(super) fn of(plugin: &Surveyed) -> Self {
        match (plugin.decision.enabled, &plugin.verdict) {
            (false, _) => Self::Disabled,
            (true, Ok(Passed::Plugin(_))) => Self::Ok,
            (true, Ok(Passed::Bundle(_))) => Self::Ready,
            (true, Err(reasons)) => {
                let is_quarantine = |reason: &Diagnostic| reason.code == "LDR-VET-QUARANTINED";
                if reasons.iter().any(is_quarantine) { Self::Quarantined } else { Self::Refused }
            }
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Ready => "ready",
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

//! The folder that releases are installed in, and what installing there takes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use loader_core::diagnostic::Diagnostic;
use loader_core::installation::{Installer, Trial};
use loader_core::probe::{Probe, try_out};
use loader_core::staging::Store;
use loader_core::trust::Records;
use loader_core::vetting::{Fresh, Policy};
use loader_gateway::config::Consent;

use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::Refusal;

/// The folder that releases are installed in, and by which rules.
pub(super) struct Site {
    /// The folder.
    pub(super) root: PathBuf,
    /// What this machine remembers.
    pub(super) records: Records,
    /// Whether the configuration agrees to whatever releases register and require.
    pub(super) accepts: bool,
    /// Whether a gateway of this configuration follows the folder while it serves.
    pub(super) is_followed: bool,
    policy: Policy,
    probe: Option<Probe>,
    state: PathBuf,
}

impl Site {
    /// The user's own folder, by the configuration's rules.
    pub(super) fn of(context: &Context) -> Result<Self, Refusal> {
        let root = context.user_plugins_dir().ok_or_else(|| {
            Finding::error(
                "LDR-INSTALL-NOWHERE",
                "there is no folder to install in: HOME is not set",
            )
            .hint("name one with `--set plugins.user_dir=DIR`")
        })?;
        let settings = context.gateway_settings(None);
        Ok(Self {
            root,
            records: Records::of(context.state_dir()?),
            accepts: settings.config.plugins.trust.consent == Consent::Accept,
            is_followed: settings.config.plugins.reload.watch,
            policy: loader_gateway::policy(&settings),
            probe: settings.probe,
            state: context.state_dir()?.to_owned(),
        })
    }

    /// Opens libraries in a process of their own before they count.
    pub(super) fn trial(&self) -> impl Fn(&Fresh) -> Result<(), Diagnostic> {
        let tried = AtomicU64::new(1);
        move |fresh| {
            let store = Store::open(&self.state)?;
            let number = tried.fetch_add(1, Ordering::Relaxed);
            let staged = store.stage(fresh, number)?;
            try_out(staged, self.probe.as_ref(), Some(&self.records)).map(drop)
        }
    }

    /// Changes the folder; libraries are tried so before they count.
    pub(super) fn installer<'a>(&'a self, trial: Trial<'a>) -> Installer<'a> {
        Installer { root: &self.root, policy: &self.policy, records: &self.records, trial }
    }
}

/// A trial for what tries nothing.
pub(super) const UNTRIED: Trial<'static> = &|_| Ok(());

/// The refusal that diagnostics make.
pub(super) fn refusal(diagnostics: Vec<Diagnostic>) -> Refusal {
    let findings = diagnostics.into_iter().map(Finding::from);
    let (errors, warnings): (Vec<_>, Vec<_>) = findings.partition(Finding::is_error);
    let is_unknown = errors.first().is_some_and(|error| error.code == "LDR-INSTALL-UNKNOWN");
    let exit = if is_unknown { Exit::NotFound } else { Exit::Failure };
    Refusal { exit, errors, warnings }
}

/// Findings that did not stop a command.
pub(in crate::commands) fn findings(
    context: &Context,
    diagnostics: Vec<Diagnostic>,
) -> Vec<Finding> {
    let mut findings = context.warnings();
    findings.extend(diagnostics.into_iter().map(Finding::from));
    findings
}

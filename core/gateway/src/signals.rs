//! What there is to say of each plugin, collected once: `doctor`, `inspect`, `list` and `status --all` show
//! the same because they all ask here.

use crate::shape::Shape;
use loader_core::{Survey, Surveyed, diagnostic::Diagnostic};
use serde::Serialize;

/// How the codes of what is old and still works begin.
const LEGACY: &str = "LDR-LEGACY-";

/// How well a plugin fits this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// Nothing is to be said.
    ConfigValid,
    /// Something is worth mending.
    Advisory,
    /// It uses what will go away.
    LegacyWarning,
    /// It cannot be loaded, or not all of it can be served.
    HardError,
}

impl Signal {
    /// What follows from everything that is to be said.
    fn of(findings: &[Diagnostic]) -> Self {
        let is_legacy = |finding: &Diagnostic| finding.code.starts_with(LEGACY);
        match findings {
            [] => Self::ConfigValid,
            _ if findings.iter().any(Diagnostic::is_error) => Self::HardError,
            _ if findings.iter().any(is_legacy) => Self::LegacyWarning,
            _ => Self::Advisory,
        }
    }

    /// The signal as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConfigValid => "config valid",
            Self::Advisory => "advisory",
            Self::LegacyWarning => "legacy warning",
            Self::HardError => "hard error",
        }
    }
}

/// What there is to say of one plugin.
#[derive(Clone, Debug, Serialize)]
pub struct Signals {
    /// In one word.
    pub signal: Signal,
    /// What kind of plugin it is.
    pub shape: Shape,
    /// Everything: of its files, its settings, its contracts, and of what others keep from it.
    pub findings: Vec<Diagnostic>,
}

impl Signals {
    /// Collects what a survey has to say of one of its plugins.
    pub fn of(survey: &Survey, plugin: &Surveyed) -> Self {
        let id = plugin.candidate.id();
        let judged = match &plugin.verdict {
            Ok(passed) => passed.warnings(),
            Err(reasons) => reasons,
        };
        let lost = survey.conflicts.iter().filter(|one| one.plugin.as_deref() == Some(id));
        let findings: Vec<Diagnostic> = judged.iter().chain(lost).cloned().collect();
        let shape = Shape::of(plugin.candidate.spec());
        Self { signal: Signal::of(&findings), shape, findings }
    }
}

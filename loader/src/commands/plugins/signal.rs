//! How well a plugin fits this host, in one word, the same everywhere.

use loader_core::Surveyed;
use loader_core::diagnostic::Diagnostic;
use serde::Serialize;

/// How the codes of what is old and still works begin.
const LEGACY: &str = "LDR-LEGACY-";

/// How well a plugin fits this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::commands) enum Signal {
    /// Nothing is to be said.
    ConfigValid,
    /// Something is worth mending.
    Advisory,
    /// It uses what will go away.
    LegacyWarning,
    /// It cannot be loaded.
    HardError,
}

impl Signal {
    /// What is to be said of a plugin.
    pub(in crate::commands) fn of(plugin: &Surveyed) -> Self {
        let is_legacy = |finding: &Diagnostic| finding.code.starts_with(LEGACY);
        match &plugin.verdict {
            Err(_) => Self::HardError,
            Ok(passed) if passed.warnings().iter().any(is_legacy) => Self::LegacyWarning,
            Ok(passed) if passed.warnings().is_empty() => Self::ConfigValid,
            Ok(_) => Self::Advisory,
        }
    }

    /// The signal as people read it.
    pub(in crate::commands) fn name(self) -> &'static str {
        match self {
            Self::ConfigValid => "config valid",
            Self::Advisory => "advisory",
            Self::LegacyWarning => "legacy warning",
            Self::HardError => "hard error",
        }
    }
}

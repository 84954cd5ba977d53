//! What the operator agreed to when a release was installed.

use crate::manifest::Manifest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a release may register and require.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// What its plugins register, as `<plugin> <contract>:<id>`.
    pub provides: BTreeSet<String>,
    /// What they require of the host and of other plugins, as `<plugin> <contract>`.
    pub requires: BTreeSet<String>,
}

impl Agreed {
    /// What a manifest's plugins register and require.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let mut agreed = Self::default();
        for spec in manifest.plugins() {
            let provides = spec.provides.iter();
            agreed
                .provides
                .extend(provides.map(|one| format!("{} {}:{}", spec.id, one.contract, one.id)));
            let requires = spec.requires.services.iter().chain(&spec.requires.contracts);
            agreed.requires.extend(requires.map(|one| format!("{} {one}", spec.id)));
        }
        agreed
    }

    /// What is in this and not in the other.
    pub fn beyond(&self, other: &Self) -> Self {
        Self {
            provides: self.provides.difference(&other.provides).cloned().collect(),
            requires: self.requires.difference(&other.requires).cloned().collect(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.provides.is_empty() && self.requires.is_empty()
    }

    /// One line for each thing.
    pub fn lines(&self) -> Vec<String> {
        let provides = self.provides.iter().map(|one| format!("  registers {one}"));
        let requires = self.requires.iter().map(|one| format!("  requires {one}"));
        provides.chain(requires).collect()
    }
}

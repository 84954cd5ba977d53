//! What the operator agreed to when a release was installed.

use crate::manifest::Manifest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a release may register and require.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// What its plugins register, as `<plugin> <contract>:<id>`, by every name it answers to.
    pub provides: BTreeSet<String>,
    /// What they require of the host and of other plugins, as `<plugin> <contract>`.
    pub requires: BTreeSet<String>,
}

impl Agreed {
    /// What a manifest's plugins register and require.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let mut agreed = Self::default();
        for spec in manifest.plugins() {
            for one in &spec.provides {
                let names = [one.id.as_str()].into_iter().chain(one.aliases());
                let named = names.map(|name| format!("{} {}:{name}", spec.id, one.contract));
                agreed.provides.extend(named);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn another_name_is_something_else_to_agree_to() {
        let of = |provided: &str| {
            let text = format!(
                "manifest = 1\nid = \"a\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n[library]\n\
                 path = \"a.so\"\n[provides]\n\"speech/1\" = [{{ id = \"a\"{provided} }}]\n"
            );
            Agreed::of(&Manifest::parse(Path::new("plugin.toml"), &text).manifest.expect("sound"))
        };
        let wider = of(", aliases = [\"openai\"], order = 1").beyond(&of(""));
        assert_eq!(wider.lines(), ["  registers a speech/1:openai"]);
    }
}

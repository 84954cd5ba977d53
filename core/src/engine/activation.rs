//! When a plugin that is switched on is opened: with the others, after them, or by the first call to it.

use crate::manifest::PluginSpec;
use std::collections::BTreeSet;

/// When plugins that are switched on are opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Activation {
    /// All of them at once.
    #[default]
    Everything,
    /// One whose manifest has `[activation]` is dormant unless something of that is wanted. One that asks for
    /// it in `[startup]` is dormant until the program [serves its clients](super::Engine::open_deferred).
    AsDeclared(Wanted),
    /// All of them are dormant.
    OnDemand,
}

/// What is wanted, in the words of `[activation]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Commands.
    pub commands: BTreeSet<String>,
    /// Channels.
    pub channels: BTreeSet<String>,
    /// Providers.
    pub providers: BTreeSet<String>,
}

impl Activation {
    /// Whether a plugin is dormant until it is called. What has no code has nothing to open.
    pub fn waits(&self, spec: &PluginSpec) -> bool {
        let waits = match self {
            Self::Everything => false,
            Self::AsDeclared(wanted) => {
                !spec.activation.is_empty() && !wanted.names_one_of(&spec.activation)
            }
            Self::OnDemand => true,
        };
        waits && spec.content.library().is_some()
    }

    /// Whether a plugin that does not wait is opened after the others.
    pub(super) fn defers(&self, spec: &PluginSpec) -> bool {
        matches!(self, Self::AsDeclared(_)) && spec.startup.defer_full_load_until_after_listen
    }
}

impl Wanted {
    fn names_one_of(&self, declared: &crate::manifest::Activation) -> bool {
        [
            (&self.commands, &declared.commands),
            (&self.channels, &declared.channels),
            (&self.providers, &declared.providers),
        ]
        .iter()
        .any(|(wanted, declared)| declared.iter().any(|one| wanted.contains(one)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use std::path::Path;

    fn spec(more: &str) -> PluginSpec {
        let text = format!("manifest = 1\nid = \"it\"\nversion = \"1.0.0\"\n{more}");
        let parsed = Manifest::parse(Path::new("plugin.toml"), &text);
        let manifest = parsed.manifest.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        manifest.plugins().remove(0)
    }

    #[test]
    fn what_is_wanted_is_not_waited_for() {
        let code = "abi = \"1.0\"\n[library]\npath = \"it.so\"\n";
        let plain = spec(code);
        let chat = spec(&format!("{code}[activation]\nchannels = [\"chat\", \"talk\"]\n"));
        let bundle = spec("[bundle]\nskills = [\"it.md\"]\n");
        let names = |name: &str| [name.to_owned()].into();
        let nothing = Wanted::default();
        let talk = Wanted { channels: names("talk"), ..nothing.clone() };
        let other = Wanted { commands: names("talk"), ..nothing.clone() };
        for (activation, waiting) in [
            (Activation::Everything, [false, false, false]),
            (Activation::AsDeclared(nothing), [false, true, false]),
            (Activation::AsDeclared(talk), [false, false, false]),
            (Activation::AsDeclared(other), [false, true, false]),
            (Activation::OnDemand, [true, true, false]),
        ] {
            let waits = [&plain, &chat, &bundle].map(|spec| activation.waits(spec));
            assert_eq!(waits, waiting, "{activation:?}");
        }
    }

    #[test]
    fn only_what_asks_for_it_is_opened_late_and_only_where_declarations_count() {
        let code = "abi = \"1.0\"\n[library]\npath = \"it.so\"\n";
        let late = "[startup]\ndefer_full_load_until_after_listen = true\n";
        let (plain, late) = (spec(code), spec(&format!("{code}{late}")));
        let declared = Activation::AsDeclared(Wanted::default());
        let defers = |activation: &Activation| [&plain, &late].map(|spec| activation.defers(spec));
        assert_eq!(defers(&declared), [false, true]);
        assert_eq!([declared.waits(&plain), declared.waits(&late)], [false, false]);
        assert_eq!(defers(&Activation::Everything), [false, false]);
        assert_eq!(defers(&Activation::OnDemand), [false, false]);
    }
}

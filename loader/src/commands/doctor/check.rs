//! What is looked at, as data: each check has an id, says what it looks at, and looks.

use serde::Serialize;

use super::patient::Patient;
use super::{accounts, configuration, host, plugins, state, trust};
use crate::finding::Finding;

/// One thing that is looked at.
pub(super) struct Check {
    /// A stable name, such as `state.token`.
    pub(super) id: &'static str,
    /// The part of the report it stands in.
    pub(super) section: Section,
    /// What is so when nothing is found, in one line.
    pub(super) description: &'static str,
    /// What it looks at, in one line.
    pub(super) looks_at: &'static str,
    /// Looks. Nothing found means that all is well.
    pub(super) look: fn(&Patient) -> Vec<Finding>,
}

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Section {
    Configuration,
    State,
    Host,
    Trust,
    Plugins,
}

impl Section {
    /// Every part, in the order of the report.
    pub(super) const ALL: [Self; 5] =
        [Self::Configuration, Self::State, Self::Host, Self::Trust, Self::Plugins];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Configuration => "Configuration",
            Self::State => "State",
            Self::Host => "Host",
            Self::Trust => "Trust",
            Self::Plugins => "Plugins",
        }
    }
}

/// Everything that is looked at, in the order of the report.
pub(super) const CHECKS: [Check; 18] = [
    Check {
        id: "configuration.layers",
        section: Section::Configuration,
        description: "files, variables and flags make one configuration",
        looks_at: "every layer of loader.toml, LOADER__ variables, flags",
        look: configuration::layers,
    },
    Check {
        id: "configuration.values",
        section: Section::Configuration,
        description: "settings name what exists",
        looks_at: "ids, models, secrets, hosts and log filters that settings name",
        look: configuration::values,
    },
    Check {
        id: "configuration.accounts",
        section: Section::Configuration,
        description: "accounts stand in tables of their own",
        looks_at: "[channels.<id>] in every file, and what its plugin says of it",
        look: accounts::look,
    },
    Check {
        id: "state.folder",
        section: Section::State,
        description: "the state folder is ours alone and can be written",
        looks_at: "the state folder and its lock",
        look: state::folder,
    },
    Check {
        id: "state.token",
        section: Section::State,
        description: "only its owner can read the token",
        looks_at: "the token file",
        look: state::token,
    },
    Check {
        id: "state.store",
        section: Section::State,
        description: "libraries can be copied to the store and run from there",
        looks_at: "<state>/store, its owner, its mount",
        look: state::store,
    },
    Check {
        id: "state.space",
        section: Section::State,
        description: "there is room for copies of libraries",
        looks_at: "free bytes of the state folder's file system",
        look: state::space,
    },
    Check {
        id: "state.crashes",
        section: Section::State,
        description: "the gateway does not crash again and again by itself",
        looks_at: "<state>/crash, <state>/trust/crashes",
        look: state::crashes,
    },
    Check {
        id: "host.unload",
        section: Section::Host,
        description: "plugins can leave the process",
        looks_at: "the C library's thread-local keys, which must be observable",
        look: host::unload,
    },
    Check {
        id: "host.files",
        section: Section::Host,
        description: "enough files can be open",
        looks_at: "RLIMIT_NOFILE",
        look: host::files,
    },
    Check {
        id: "host.mappings",
        section: Section::Host,
        description: "enough libraries can be mapped",
        looks_at: "vm.max_map_count",
        look: host::mappings,
    },
    Check {
        id: "host.watches",
        section: Section::Host,
        description: "enough folders can be watched",
        looks_at: "fs.inotify.max_user_watches, fs.inotify.max_user_instances",
        look: host::watches,
    },
    Check {
        id: "host.kernel",
        section: Section::Host,
        description: "the kernel opens and exchanges paths as a whole",
        looks_at: "openat2, renameat2",
        look: host::kernel,
    },
    Check {
        id: "host.address",
        section: Section::Host,
        description: "the gateway can listen at its address",
        looks_at: "gateway.listen, unless a gateway with this state serves",
        look: host::address,
    },
    Check {
        id: "trust.lock",
        section: Section::Trust,
        description: "the lock names what is installed, and that is there",
        looks_at: "loader.lock and the release folders beside it",
        look: trust::lock,
    },
    Check {
        id: "trust.quarantine",
        section: Section::Trust,
        description: "no library is in quarantine",
        looks_at: "<state>/trust/quarantine, <state>/crash",
        look: trust::quarantine,
    },
    Check {
        id: "plugins.folders",
        section: Section::Plugins,
        description: "plugin folders can be read, and hold plugins",
        looks_at: "every root, every manifest",
        look: plugins::folders,
    },
    Check {
        id: "plugins.verdicts",
        section: Section::Plugins,
        description: "every plugin that is switched on would be opened",
        looks_at: "path, bytes, lock, signature, binary, configuration, private copy",
        look: plugins::verdicts,
    },
];

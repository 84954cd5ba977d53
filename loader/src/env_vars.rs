//! The environment variables the program reads.
//!
//! `docs/reference/environment.md` repeats this table; a test keeps the two the same. No variable
//! can say where code comes from or whose code is trusted.

/// One environment variable.
pub(crate) struct Variable {
    /// Its name, or how its name begins.
    pub(crate) name: &'static str,
    /// What it does, in one line.
    pub(crate) meaning: &'static str,
    /// The first version that reads it.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the reference page shows it"))]
    pub(crate) since: &'static str,
}

/// The folder for state.
pub(crate) const STATE_DIR: Variable = Variable {
    name: "LOADER_STATE_DIR",
    meaning: "The folder for state, as `--state-dir` says it",
    since: "0.1.0",
};

/// The configuration file.
pub(crate) const CONFIG: Variable = Variable {
    name: "LOADER_CONFIG",
    meaning: "A configuration file in place of the project's `loader.toml`, trusted no more than that",
    since: "0.1.0",
};

/// Single settings.
pub(crate) const SETTING: Variable = Variable {
    name: "LOADER__<SECTION>__<KEY>",
    meaning: "One setting: `LOADER__GATEWAY__LISTEN=127.0.0.1:0` is `gateway.listen`",
    since: "0.1.0",
};

/// The index of what was found in libraries.
pub(crate) const NO_INDEX: Variable = Variable {
    name: "LOADER_DISABLE_PLUGIN_DISCOVERY_CACHE",
    meaning: "When it is set and not empty, looking at plugins reads every library anew",
    since: "0.1.0",
};

/// Colour.
pub(crate) const NO_COLOR: Variable = Variable {
    name: "NO_COLOR",
    meaning: "When it is set and not empty, `--color auto` means never",
    since: "0.1.0",
};

/// The home folder.
pub(crate) const HOME: Variable = Variable {
    name: "HOME",
    meaning: "The home folder, where `.config/loader` and `.local/state/loader` are",
    since: "0.1.0",
};

/// The folder of users' configuration.
pub(crate) const XDG_CONFIG_HOME: Variable = Variable {
    name: "XDG_CONFIG_HOME",
    meaning: "The folder of `loader/loader.toml`, in place of `$HOME/.config`",
    since: "0.1.0",
};

/// The folder of users' state.
pub(crate) const XDG_STATE_HOME: Variable = Variable {
    name: "XDG_STATE_HOME",
    meaning: "The folder of `loader`'s state folder, in place of `$HOME/.local/state`",
    since: "0.1.0",
};

/// Every variable, in the order of the reference page.
pub(crate) const ALL: [Variable; 8] =
    [STATE_DIR, CONFIG, SETTING, NO_INDEX, NO_COLOR, HOME, XDG_CONFIG_HOME, XDG_STATE_HOME];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_has_the_same_table() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/environment.md");
        let page = std::fs::read_to_string(page).expect("the page exists");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        let row = |one: Variable| format!("| `{}` | {} | {} |", one.name, one.meaning, one.since);
        assert_eq!(rows, ALL.map(row));
    }
}

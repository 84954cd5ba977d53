//! `cli-command/1`: a command of `loader` that a plugin owns. The capability's id is the command's
//! name.
//!
//! One method, `run`, opened with [`RunCommand`]. The plugin accepts with a head, reads standard input
//! from the caller's `data` messages until that half ends, writes output as `data` messages (to
//! standard error where the metadata [`TO`] is [`STDERR`]), and may end with an event of [`Exit`];
//! without one the exit code is 0. An error exits with the code of its class.
//!
//! `loader --help`, completions and the check of arguments know a command from its manifest alone. Names
//! of commands and arguments are lower-case words joined by hyphens. A command that [`check`] objects to is
//! not offered.
//!
//! The host serves `run` of the same contract: `name` says which command is meant, and `input` is all of
//! its standard input, which the plugin gets as messages.

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method},
    contract_types,
};
use std::collections::{BTreeMap, BTreeSet};

/// The contract's name.
pub const CONTRACT: &str = "cli-command/1";

/// Methods.
pub mod method {
    /// Runs the command.
    pub const RUN: &str = "run";
}

/// Metadata of output: where it goes.
pub const TO: &str = "to";
/// The value of [`TO`] for standard error.
pub const STDERR: &str = "stderr";

/// The options that every command of `loader` has: no option or flag of a plugin's is called so.
pub const GLOBAL_OPTIONS: [&str; 10] = [
    "color",
    "config",
    "help",
    "json",
    "plugins-dir",
    "quiet",
    "set",
    "state-dir",
    "verbose",
    "version",
];

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    clash: "LDR-CONFLICT-COMMAND",
    methods: &[Method::open(method::RUN, "Runs the command.")],
    attributes: &[
        Attribute::new("about", Form::Text, "What the command does; one line.").required(),
        Attribute::new(
            "arguments",
            Form::Tables,
            "Its arguments: `{ name, about, kind = \"text\" | \"flag\" | \"option\", required, many }`.",
        ),
        Attribute::new(
            "input",
            Form::Boolean,
            "Whether it reads standard input; one that does not is not given any.",
        ),
    ],
    ..Contract::new(CONTRACT, Class::Surface, "Adds a command to `loader`.")
};

contract_types! {
    /// The request of `run`.
    #[derive(Default)]
    pub struct RunCommand {
        /// The command, where the host is asked; empty where a plugin is.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub name: String,
        /// The values of each argument by name; a flag that is set has one value, `true`.
        #[serde(default)]
        pub arguments: BTreeMap<String, Vec<String>>,
        /// Whether output goes to a terminal.
        #[serde(default)]
        pub terminal: bool,
        /// Whether the caller wants JSON.
        #[serde(default)]
        pub json: bool,
        /// Standard input, where the host is asked; empty where a plugin is.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub input: String,
    }

    /// How a command ended.
    #[derive(Default, Eq, Copy)]
    pub struct Exit {
        /// The exit code, from 0 to 63.
        pub code: u8,
    }

    /// One argument of a command, as the manifest's attribute `arguments` says it.
    #[derive(Default)]
    pub struct Argument {
        /// Its name; an option or a flag is written `--name`.
        pub name: String,
        /// What it says; one line.
        #[serde(default)]
        pub about: String,
        /// How it is written.
        #[serde(default)]
        pub kind: ArgumentKind,
        /// Whether it has to be there.
        #[serde(default)]
        pub required: bool,
        /// Whether there may be several.
        #[serde(default)]
        pub many: bool,
    }

    /// How an argument is written.
    #[derive(Default, Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum ArgumentKind {
        /// By its place.
        #[default]
        Text,
        /// `--name`.
        Flag,
        /// `--name VALUE`.
        Option,
    }
}

/// Why a command of this name cannot be offered with these arguments.
pub fn check(name: &str, arguments: &[Argument]) -> Result<(), String> {
    if !is_word(name) {
        return Err("a name is lower-case words joined by hyphens".to_owned());
    }
    let mut seen = BTreeSet::new();
    // A text that may be missing, or of which there may be several, has none after it that must be there.
    let (mut optional, mut many) = (false, false);
    for argument in arguments {
        let name = argument.name.as_str();
        if !is_word(name) {
            return Err(format!("`{}` is no name of an argument", name.escape_debug()));
        }
        if argument.kind != ArgumentKind::Text && GLOBAL_OPTIONS.contains(&name) {
            return Err(format!("`--{name}` is an option of every command"));
        }
        if !seen.insert(name) {
            return Err(format!("there are two arguments `{name}`"));
        }
        if argument.kind == ArgumentKind::Text {
            if many {
                return Err(format!("`{name}` follows an argument that takes all the rest"));
            }
            if optional && argument.required {
                return Err(format!("`{name}` is required and follows one that is not"));
            }
            optional |= !argument.required;
            many |= argument.many;
        }
    }
    Ok(())
}

/// Whether it is lower-case words joined by hyphens.
fn is_word(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.split('-').all(|part| !part.is_empty() && part.bytes().all(is_plain))
}

impl RunCommand {
    /// The first value of an argument.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.arguments.get(name)?.first().map(String::as_str)
    }

    /// Whether a flag is set.
    pub fn is_set(&self, name: &str) -> bool {
        self.arguments.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_that_makes_no_sense_is_refused() {
        use ArgumentKind::{Flag, Option, Text};
        let argument = |name: &str, kind, required, many| Argument {
            name: name.to_owned(),
            about: "Something".to_owned(),
            kind,
            required,
            many,
        };
        let sound = [
            argument("action", Text, true, false),
            argument("json", Text, false, true),
            argument("loud-1", Flag, false, false),
            argument("to", Option, true, true),
        ];
        assert_eq!(check("shout-out", &sound), Ok(()));
        for name in ["", "Shout", "shout_out", "-shout", "shout-", "shout--out", "sho ut"] {
            assert!(check(name, &[]).is_err(), "{name}");
        }
        for arguments in [
            vec![argument("Loud", Flag, false, false)],
            vec![argument("a", Text, false, false), argument("a", Flag, false, false)],
            vec![argument("json", Flag, false, false)],
            vec![argument("help", Option, false, false)],
            vec![argument("a", Text, false, false), argument("b", Text, true, false)],
            vec![argument("a", Text, false, true), argument("b", Text, false, false)],
            vec![argument("", Text, false, false)],
        ] {
            assert!(check("shout", &arguments).is_err(), "{arguments:?}");
        }
    }
}

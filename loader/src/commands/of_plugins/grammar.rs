//! The arguments of a plugin's command: from its manifest to clap, and from clap to the contract.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};
use loader_contract::cli_command::{Argument, ArgumentKind, check};

use crate::output::harmless;

/// What is read by, or what is wrong with the descriptor.
pub(super) fn grammar(name: &str, about: &str, arguments: &[Argument]) -> Result<Command, String> {
    check(name, arguments)?;
    let command = Command::new(name.to_owned()).about(harmless(about));
    Ok(command.args(arguments.iter().map(clap_argument)))
}

fn clap_argument(argument: &Argument) -> Arg {
    let Argument { name, about, kind, required, many } = argument;
    // A value of the same name as a global option has an id of its own.
    let arg = Arg::new(id(name)).help(harmless(about)).required(*required);
    let value = name.to_ascii_uppercase();
    match (kind, many) {
        (ArgumentKind::Text, false) => arg.value_name(value),
        (ArgumentKind::Text, true) => arg.value_name(value).num_args(1..),
        (ArgumentKind::Flag, _) => {
            arg.long(name.clone()).action(ArgAction::SetTrue).required(false)
        }
        (ArgumentKind::Option, false) => arg.long(name.clone()).value_name(value),
        (ArgumentKind::Option, true) => {
            arg.long(name.clone()).value_name(value).action(ArgAction::Append)
        }
    }
}

fn id(name: &str) -> String {
    format!("plugin:{name}")
}

/// The values of each argument that is there.
pub(super) fn values(
    arguments: &[Argument],
    matches: &ArgMatches,
) -> BTreeMap<String, Vec<String>> {
    let value = |argument: &Argument| match argument.kind {
        ArgumentKind::Flag => {
            matches.get_flag(&id(&argument.name)).then(|| vec!["true".to_owned()])
        }
        _ => {
            let values = matches.get_many::<String>(&id(&argument.name))?;
            Some(values.cloned().collect())
        }
    };
    let named = |argument: &Argument| Some((argument.name.clone(), value(argument)?));
    arguments.iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(name: &str, kind: ArgumentKind, required: bool, many: bool) -> Argument {
        Argument { name: name.into(), about: "Something".into(), kind, required, many }
    }

    #[test]
    fn arguments_are_read_as_the_manifest_says() {
        let arguments = [
            argument("action", ArgumentKind::Text, true, false),
            argument("words", ArgumentKind::Text, false, true),
            argument("loud", ArgumentKind::Flag, false, false),
            argument("to", ArgumentKind::Option, false, true),
        ];
        let command = grammar("shout", "Shouts", &arguments).expect("it makes sense");
        command.clone().debug_assert();
        let read = |words: &str| {
            let matches = command.clone().try_get_matches_from(words.split(' ')).ok()?;
            Some(serde_json::json!(values(&arguments, &matches)))
        };
        let all = serde_json::json!({
            "action": ["add"], "words": ["a", "b"], "loud": ["true"], "to": ["x", "y"],
        });
        assert_eq!(read("shout --to x add a b --loud --to y"), Some(all));
        assert_eq!(read("shout list"), Some(serde_json::json!({ "action": ["list"] })));
        assert_eq!(read("shout"), None);
        assert_eq!(read("shout list --bogus"), None);
    }

    #[test]
    fn a_descriptor_that_makes_no_sense_is_refused() {
        let json = [argument("json", ArgumentKind::Flag, false, false)];
        let refusal = grammar("shout", "Shouts", &json).expect_err("every command has it");
        assert_eq!(refusal, "`--json` is an option of every command");
        grammar("Shout", "Shouts", &[]).expect_err("a name is in lower case");
    }
}

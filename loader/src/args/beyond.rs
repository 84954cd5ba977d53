//! What the program's own definitions do not know: commands of plugins, and help that tells of them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::LazyLock;

use clap::{Arg, CommandFactory, Parser};

use super::{Arguments, Command, Global};

/// The global options alone.
#[derive(Parser)]
#[command(name = "loader")]
struct Globals {
    #[command(flatten)]
    global: Global,
}

/// Reads words that ask for help on the whole program, or begin with a command that is not its own.
/// Nothing for any others.
pub(super) fn read(words: &[OsString]) -> Option<Arguments> {
    let (program, words) = words.split_first()?;
    let (globals, rest) = split(words);
    let command = match rest.first()?.to_str() {
        Some("-h") => Command::Help { long: false },
        Some("--help") => Command::Help { long: true },
        Some(word) if word.starts_with('-') || is_own(word) => return None,
        _ => Command::OfPlugin(rest),
    };
    let global = Globals::parse_from([program.clone()].into_iter().chain(globals)).global;
    Some(Arguments { global, command })
}

/// Whether a word is a command of the program's own.
pub(crate) fn is_own(word: &str) -> bool {
    own().contains(word)
}

/// The commands of the program's own.
pub(crate) fn own() -> &'static BTreeSet<String> {
    static OWN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let own = Arguments::command();
        let names = own.get_subcommands();
        let names = names.flat_map(|one| [one.get_name()].into_iter().chain(one.get_all_aliases()));
        names.map(str::to_owned).collect()
    });
    &OWN
}

/// The global options with their values, and everything else, each in its order.
fn split(words: &[OsString]) -> (Vec<OsString>, Vec<OsString>) {
    let known = Globals::command();
    let (mut globals, mut rest) = (Vec::new(), Vec::new());
    let mut words = words.iter().cloned();
    while let Some(word) = words.next() {
        if word == "--" {
            rest.push(word);
            rest.extend(words);
            break;
        }
        let text = word.to_str().unwrap_or_default();
        let (name, value) =
            text.split_once('=').map_or((text, None), |(it, value)| (it, Some(value)));
        match known.get_arguments().find(|option| is_written(option, name)) {
            None => rest.push(word),
            Some(option) => {
                let takes_next = option.get_action().takes_values() && value.is_none();
                globals.push(word);
                globals.extend(takes_next.then(|| words.next()).flatten());
            }
        }
    }
    (globals, rest)
}

/// Whether this is how an option is written: `--verbose`, `-v`, `-vv`.
fn is_written(option: &Arg, name: &str) -> bool {
    let is_long = option.get_long().is_some_and(|long| name.strip_prefix("--") == Some(long));
    let letters = name.strip_prefix('-').filter(|letters| !letters.is_empty());
    let is_short = option.get_short().zip(letters);
    is_long || is_short.is_some_and(|(short, letters)| letters.chars().all(|one| one == short))
}

#[cfg(test)]
mod tests {
    use super::*;
    use loader_contract::cli_command::GLOBAL_OPTIONS;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn global_options_are_told_from_a_plugins_own() {
        let (globals, rest) = split(&words(
            "-vv --state-dir s remind --json --to=x --config=c list --set a=1 -- --json",
        ));
        assert_eq!(globals, words("-vv --state-dir s --json --config=c --set a=1"));
        assert_eq!(rest, words("remind --to=x list -- --json"));
    }

    #[test]
    fn the_contract_of_commands_knows_every_global_option() {
        let global = Globals::command();
        let named = global.get_arguments().filter_map(|one| one.get_long());
        let all: BTreeSet<&str> = named.chain(["help", "version"]).collect();
        assert_eq!(all, GLOBAL_OPTIONS.into());
    }

    #[test]
    fn only_foreign_commands_and_help_are_read_here() {
        let command = |text: &str| read(&words(text)).map(|arguments| arguments.command);
        assert!(matches!(command("loader --help"), Some(Command::Help { long: true })));
        assert!(matches!(command("loader --json -h"), Some(Command::Help { long: false })));
        assert!(
            matches!(command("loader remind -h"), Some(Command::OfPlugin(rest)) if rest.len() == 2)
        );
        for own in ["loader", "loader run", "loader --bogus remind", "loader plugins walk"] {
            assert!(command(own).is_none(), "{own}");
        }
    }
}

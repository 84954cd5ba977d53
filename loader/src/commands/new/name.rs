//! The name of a new plugin: an id in its manifest, a package to cargo and a crate to Rust at once; of a
//! command, also what is written after `loader`.

use loader_contract::cli_command;
use loader_core::manifest::MAX_ID_BYTES;

use crate::args::{Kind, is_own};

/// Words of Rust and names of its libraries, packages that a plugin is built with, and paths that the
/// gateway answers itself.
const TAKEN: [&str; 62] = [
    "abstract",
    "admin",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "health",
    "if",
    "impl",
    "in",
    "let",
    "loader-abi",
    "loader-contract",
    "loader-sdk",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "v1",
    "virtual",
    "where",
    "while",
    "yield",
];

/// A name that everything takes.
pub(super) struct Name(String);

impl Name {
    /// Reads the name of a plugin of this kind. An error says why it is none, in the end of a sentence.
    pub(super) fn read(text: &str, kind: Kind) -> Result<Self, String> {
        if !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err("it must begin with a lower-case letter".to_owned());
        }
        if let Some(other) = text.chars().find(|each| !is_part(*each)) {
            let other = other.escape_debug();
            return Err(format!(
                "`{other}` is no lower-case letter, no digit, and neither `-` nor `_`"
            ));
        }
        if text.len() > MAX_ID_BYTES {
            return Err(format!("it is longer than {MAX_ID_BYTES} characters"));
        }
        if TAKEN.contains(&text.replace('_', "-").as_str()) {
            return Err("it means something else already".to_owned());
        }
        // One that is not offered could never be run.
        if kind == Kind::Command && is_own(text) {
            return Err("it is a command of the loader's own".to_owned());
        }
        if kind == Kind::Command {
            cli_command::check(text, &[])?;
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What cargo calls the library on this system.
    pub(super) fn library(&self) -> String {
        let (before, after) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        format!("{before}{}{after}", self.0.replace('-', "_"))
    }
}

fn is_part(each: char) -> bool {
    each.is_ascii_lowercase() || each.is_ascii_digit() || "-_".contains(each)
}

/// Its words joined by hyphens, one each.
fn words(text: &str) -> String {
    let words = text.split(['-', '_']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// A name that can be used for a plugin of this kind and is like this one.
pub(super) fn near(text: &str, kind: Kind) -> String {
    let text = text.to_lowercase();
    let text = text.trim_start_matches(|each: char| !each.is_ascii_lowercase());
    let text: String = text.chars().map(|each| if is_part(each) { each } else { '-' }).collect();
    // All of it is ASCII by now; the end must have room.
    let text = words(&text[..text.len().min(MAX_ID_BYTES - "-plugin".len())]);
    match Name::read(&text, kind) {
        Ok(name) => name.0,
        Err(_) if text.is_empty() => "my-plugin".to_owned(),
        Err(_) => format!("{text}-plugin"),
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_one_for_the_manifest_for_cargo_and_for_rust() {
        for name in ["weather", "my-plugin", "a", "w3_2", &"x".repeat(64)] {
            assert!(Name::read(name, Kind::Tool).is_ok(), "{name}");
        }
        for name in [
            "",
            "Weather",
            "3d",
            "-a",
            "_a",
            "a.b",
            "a/b",
            "a b",
            "wétter",
            "../a",
            "match",
            "test",
            "loader-sdk",
            "loader_sdk",
            "proc_macro",
            "v1",
            "a\n",
            "a\"",
            &"x".repeat(65),
        ] {
            assert!(Name::read(name, Kind::Tool).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_command_has_a_name_that_is_offered() {
        for name in ["turn-around", "a", "w3-2", "runs"] {
            assert!(Name::read(name, Kind::Command).is_ok(), "{name}");
        }
        for name in ["my_cmd", "a--b", "a-", "run", "tools", "status"] {
            assert!(Name::read(name, Kind::Tool).is_ok(), "{name}");
            assert!(Name::read(name, Kind::Command).is_err(), "{name}");
        }
    }

    #[test]
    fn the_words_are_in_order_so_that_none_is_there_twice() {
        assert!(TAKEN.is_sorted_by(|one, next| one < next), "{TAKEN:?}");
    }

    #[test]
    fn what_is_proposed_is_like_what_was_meant() {
        for (written, proposed) in [
            ("My Weather", "my-weather"),
            ("3d.prints", "d-prints"),
            ("match", "match-plugin"),
            ("Ünïcode", "n-code"),
            ("...", "my-plugin"),
            ("my_cmd", "my-cmd"),
            ("a--b-", "a-b"),
            ("run", "run-plugin"),
        ] {
            assert_eq!(near(written, Kind::Command), proposed);
        }
    }

    proptest! {
        #[test]
        fn what_is_proposed_can_be_used(text in ".{0,80}") {
            for kind in Kind::value_variants() {
                let proposed = near(&text, *kind);
                prop_assert!(Name::read(&proposed, *kind).is_ok(), "{text:?}: {proposed:?}");
            }
        }
    }
}

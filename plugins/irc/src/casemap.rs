//! When two names are the same: each server says which characters it folds.

use loader_sdk::schemars;
use serde::{Deserialize, Serialize};

/// How a server folds names, from `CASEMAPPING` of its `005`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[schemars(crate = "schemars")]
pub enum Casemapping {
    /// ASCII letters only.
    Ascii,
    /// ASCII letters, and `[]\~` are the capitals of `{}|^`. What a silent server means.
    #[default]
    Rfc1459,
    /// The same without `~` and `^`.
    StrictRfc1459,
}

impl Casemapping {
    /// Understands the server's word. What is not known folds ASCII letters, which all mappings do.
    pub fn parse(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "rfc1459" => Self::Rfc1459,
            "strict-rfc1459" | "rfc1459-strict" => Self::StrictRfc1459,
            _ => Self::Ascii,
        }
    }

    /// The name in lower case, as the server sees it. Never changes its length in bytes.
    pub fn fold(self, name: &str) -> String {
        let fold = |character: char| match character {
            '[' if self != Self::Ascii => '{',
            ']' if self != Self::Ascii => '}',
            '\\' if self != Self::Ascii => '|',
            '~' if self == Self::Rfc1459 => '^',
            other => other.to_ascii_lowercase(),
        };
        name.chars().map(fold).collect()
    }

    /// Whether two names are the same to the server.
    pub fn same(self, one: &str, other: &str) -> bool {
        one.len() == other.len() && self.fold(one) == self.fold(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mapping_folds_its_own_characters() {
        let name = "#A[]\\~É";
        assert_eq!(Casemapping::parse("ascii").fold(name), "#a[]\\~É");
        assert_eq!(Casemapping::parse("RFC1459").fold(name), "#a{}|^É");
        assert_eq!(Casemapping::parse("strict-rfc1459").fold(name), "#a{}|~É");
        assert_eq!(Casemapping::parse("rfc7613"), Casemapping::Ascii);
    }

    #[test]
    fn sameness_follows_the_mapping() {
        assert!(Casemapping::Rfc1459.same("Bot[1]", "bot{1}"));
        assert!(!Casemapping::Ascii.same("Bot[1]", "bot{1}"));
    }
}

//! The name of a contract: `text-inference/1`.

use std::{fmt, str::FromStr};

/// A contract's name and major version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContractName {
    name: String,
    major: u32,
}

impl ContractName {
    /// The name without the version: lower-case words joined by hyphens.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The major version, from 1 on.
    pub fn major(&self) -> u32 {
        self.major
    }
}

/// Text that is not `<name>/<major>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractNameError(pub String);

impl fmt::Display for ContractNameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` is not a contract name; one looks like `text-inference/1`",
            self.0.escape_debug()
        )
    }
}

impl std::error::Error for ContractNameError {}

impl FromStr for ContractName {
    type Err = ContractNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('/').and_then(|(name, major)| {
            let word = |word: &str| {
                !word.is_empty()
                    && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            };
            let named = name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.split('-').all(word);
            let plain = !major.starts_with(['0', '+']);
            (named && plain).then(|| major.parse().ok()).flatten().map(|major| (name, major))
        });
        match parsed {
            Some((name, major)) => Ok(Self { name: name.to_owned(), major }),
            None => Err(ContractNameError(text.to_owned())),
        }
    }
}

impl fmt::Display for ContractName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.name, self.major)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_nonsense_is_refused() {
        let name: ContractName = "text-inference/1".parse().expect("a name");
        assert_eq!((name.name(), name.major()), ("text-inference", 1));
        assert_eq!(name.to_string(), "text-inference/1");
        for wrong in
            ["", "x", "x/", "/1", "X/1", "x/0", "x/01", "x/+1", "x/1/2", "x_y/1", "-x/1", "x-/1"]
        {
            assert!(wrong.parse::<ContractName>().is_err(), "{wrong}");
        }
    }
}

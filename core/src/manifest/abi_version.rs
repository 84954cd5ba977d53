//! The version of the plugin interface, as text: `1.0`.

use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// A version of the plugin interface. Equal majors understand each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbiVersion {
    /// Changes when the interface breaks.
    pub major: u32,
    /// Changes when the interface grows.
    pub minor: u32,
}

impl fmt::Display for AbiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// Text that is not `<major>.<minor>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbiVersionError;

impl fmt::Display for AbiVersionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not an interface version, which looks like `1.0`")
    }
}

impl std::error::Error for AbiVersionError {}

impl FromStr for AbiVersion {
    type Err = AbiVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            let plain = !digits.starts_with('+') && (digits == "0" || !digits.starts_with('0'));
            plain.then(|| digits.parse().ok()).flatten().ok_or(AbiVersionError)
        };
        let (major, minor) = text.split_once('.').ok_or(AbiVersionError)?;
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

impl Serialize for AbiVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

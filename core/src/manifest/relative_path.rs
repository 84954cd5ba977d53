//! The one rule for file names in a manifest: they stay inside the plugin's folder.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, path::PathBuf, str::FromStr};

/// More bytes than this are no file name.
const MAX_BYTES: usize = 1024;

/// The path of a file in a plugin's folder: names joined by `/`.
///
/// No name is empty, `.` or `..`, or holds a backslash, a colon or a control character, so that the
/// path means the same file on every system and never one outside the folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(String);

impl RelativePath {
    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below a folder.
    pub fn under(&self, folder: impl Into<PathBuf>) -> PathBuf {
        let mut path = folder.into();
        path.extend(self.0.split('/'));
        path
    }

    /// The path of a plugin's manifest.
    pub(crate) fn manifest() -> Self {
        Self(super::FILE_NAME.to_owned())
    }
}

/// Why text is not the path of a file in a plugin's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelativePathError {
    /// There is nothing.
    Empty,
    /// It is longer than 1,024 bytes.
    TooLong,
    /// It begins with `/`.
    Absolute,
    /// One of its names is `..`.
    Parent,
    /// One of its names is empty or `.`.
    EmptyName,
    /// It holds this character.
    Character(char),
}

impl fmt::Display for RelativePathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("is empty"),
            Self::TooLong => write!(formatter, "is longer than {MAX_BYTES} bytes"),
            Self::Absolute => formatter.write_str("is absolute"),
            Self::Parent => formatter.write_str("leads out of the folder with `..`"),
            Self::EmptyName => formatter.write_str("has an empty name or `.` in it"),
            Self::Character(found) => {
                write!(formatter, "has the character `{}` in it", found.escape_debug())
            }
        }
    }
}

impl std::error::Error for RelativePathError {}

impl FromStr for RelativePath {
    type Err = RelativePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(RelativePathError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(RelativePathError::TooLong);
        }
        if text.starts_with('/') {
            return Err(RelativePathError::Absolute);
        }
        // A backslash and a colon are ordinary characters here and lead elsewhere on Windows.
        let foreign = |letter: char| letter.is_control() || matches!(letter, '\\' | ':');
        if let Some(found) = text.chars().find(|letter| foreign(*letter)) {
            return Err(RelativePathError::Character(found));
        }
        for name in text.split('/') {
            match name {
                ".." => return Err(RelativePathError::Parent),
                "" | "." => return Err(RelativePathError::EmptyName),
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RelativePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format_args!("`{text}` {error}")))
    }
}

impl Serialize for RelativePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

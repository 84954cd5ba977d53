//! Which file holds a plugin's code on which platform.

use super::{Platform, RelativePath, fields::Fields};
use serde::Serialize;
use std::collections::BTreeMap;

/// The library of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Library {
    /// One file name for every platform.
    #[serde(rename = "path")]
    EveryPlatform(RelativePath),
    /// One file name for each platform it was built for.
    #[serde(untagged)]
    PerPlatform(BTreeMap<Platform, RelativePath>),
}

impl Library {
    /// The file for a platform; `None` when the library was not built for it.
    pub fn file_for(&self, platform: Platform) -> Option<&RelativePath> {
        match self {
            Self::EveryPlatform(file) => Some(file),
            Self::PerPlatform(files) => files.get(&platform),
        }
    }

    /// The platforms the manifest names; empty when one file name is for all.
    pub fn platforms(&self) -> impl Iterator<Item = Platform> {
        let files = match self {
            Self::EveryPlatform(_) => None,
            Self::PerPlatform(files) => Some(files),
        };
        files.into_iter().flat_map(|files| files.keys().copied())
    }

    /// The files of every platform.
    pub fn files(&self) -> impl Iterator<Item = &RelativePath> {
        let (one, several) = match self {
            Self::EveryPlatform(file) => (Some(file), None),
            Self::PerPlatform(files) => (None, Some(files.values())),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    /// Reads a `library` table: `path`, or one key for each platform.
    pub(super) fn read(mut table: Fields<'_>) -> Option<Self> {
        let path = table.path("path");
        let mut files = BTreeMap::new();
        for platform in Platform::ALL {
            if let Some(file) = table.path(platform.key()) {
                files.insert(platform, file);
            }
        }
        let (name, at) = (table.name().to_owned(), table.at());
        let notes = table.finish();
        match (path, files.is_empty()) {
            (Some(path), true) => Some(Self::EveryPlatform(path)),
            (None, false) => Some(Self::PerPlatform(files)),
            (Some(_), false) => {
                let message =
                    format!("{name} has `path` and platform keys; they exclude each other");
                notes.error(
                    "LDR-MANIFEST-VALUE",
                    at,
                    message,
                    "keep either `path` or the platforms",
                );
                None
            }
            (None, true) => {
                // A wrong path was reported already; a second complaint would only confuse.
                if !notes.has_errors() {
                    let message = format!("{name} names no file this loader knows a platform for");
                    let hint = "add a platform, such as `linux-x86_64 = \"libmy_plugin.so\"`";
                    notes.error("LDR-MANIFEST-MISSING", at, message, hint);
                }
                None
            }
        }
    }
}

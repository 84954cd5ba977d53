//! `plugin.toml`: what a plugin says about itself before any of its code runs.
//!
//! This file holds the shape of a manifest, for readers; `manifest/document.rs` reads it from text.
//! A manifest describes one plugin, or a pack of several that share a folder and perhaps a library;
//! [`Manifest::plugins`] is the flat view that the rest of the engine works with.

mod abi_version;
mod bundle;
mod declarations;
mod document;
mod fields;
mod json;
mod library;
pub(crate) mod notes;
mod parts;
mod platform;
pub(crate) mod provides;
mod relative_path;
mod secrets;
mod spec;

pub use abi_version::{AbiVersion, AbiVersionError};
pub use bundle::{Bundle, MAX_SKILLS};
pub use declarations::{
    Activation, ConfigSchemas, Kind, Provided, ReloadRules, Requires, Setup, Startup,
};
pub use library::Library;
pub use platform::{Architecture, Platform, PlatformError, System};
pub use relative_path::{RelativePath, RelativePathError};
pub use secrets::{UsualSecret, UsualSecrets};
pub use spec::{Content, PluginSpec};

use crate::diagnostic::Diagnostic;
use semver::Version;
use serde::Serialize;
use std::path::Path;

/// What the file is called in a plugin's folder.
pub const FILE_NAME: &str = "plugin.toml";

/// A longer manifest is refused.
pub const MAX_BYTES: usize = 256 * 1024;

/// The longest id of a plugin, or of one plugin in a pack, in bytes.
pub const MAX_ID_BYTES: usize = 64;

/// The format number this build reads.
pub const FORMAT: i64 = 1;

/// Whether text is the id of a plugin, or of a pack, apart from its length.
pub(crate) fn is_id(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || b"._-".contains(&byte))
}

/// One `plugin.toml`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// The plugin's id, or the pack's: lower-case letters, digits, `.`, `_` and `-`.
    pub id: String,
    /// What people call it; one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version, which its libraries must repeat.
    pub version: Version,
    /// What it is for; one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Its licence, as an SPDX expression by convention.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// What kind of owner it is; descriptive only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The slot its own plugin fills, which only one plugin can: `memory`, for example.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// The version of the plugin interface its libraries were built against; a bundle has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abi: Option<AbiVersion>,
    /// Its library; absent in a bundle, and when every extension has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<Library>,
    /// What it brings instead of code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// The plugins of a pack.
    pub extensions: Vec<Extension>,
    /// The capabilities its own plugin will register.
    pub provides: Vec<Provided>,
    /// What its own plugin cannot work without.
    pub requires: Requires,
    /// The configuration its own plugin takes.
    pub config: ConfigSchemas,
    /// The secrets its own plugin uses.
    #[serde(skip_serializing_if = "UsualSecrets::is_empty")]
    pub secrets: UsualSecrets,
    /// What makes its own plugin worth opening.
    pub activation: Activation,
    /// How its own plugin takes part in the start of the host.
    #[serde(skip_serializing_if = "Startup::is_default")]
    pub startup: Startup,
    /// What it can set up.
    pub setup: Setup,
    /// When its own plugin is to be replaced by a fresh generation.
    #[serde(skip_serializing_if = "ReloadRules::is_default")]
    pub reload: ReloadRules,
}

/// One plugin of a pack. Its full id is the pack's, a slash, and its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Extension {
    /// Its id within the pack, which is also its id in the library.
    pub id: String,
    /// Its library, when it is not the pack's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<Library>,
    /// What people call it; one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for; one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The slot it fills, which only one plugin can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// The capabilities it will register.
    pub provides: Vec<Provided>,
    /// What it cannot work without.
    pub requires: Requires,
    /// The configuration it takes.
    pub config: ConfigSchemas,
    /// The secrets it uses.
    #[serde(skip_serializing_if = "UsualSecrets::is_empty")]
    pub secrets: UsualSecrets,
    /// What makes it worth opening.
    #[serde(skip_serializing_if = "Activation::is_empty")]
    pub activation: Activation,
    /// How it takes part in the start of the host.
    #[serde(skip_serializing_if = "Startup::is_default")]
    pub startup: Startup,
    /// When it is to be replaced by a fresh generation.
    #[serde(skip_serializing_if = "ReloadRules::is_default")]
    pub reload: ReloadRules,
}

/// What [`Manifest::parse`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The manifest; `None` when a diagnostic is an error.
    pub manifest: Option<Manifest>,
    /// Everything there is to say, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Manifest {
    /// Reads a manifest. `path` is only named in diagnostics; nothing is opened.
    pub fn parse(path: &Path, text: &str) -> Parsed {
        document::parse(path, text)
    }

    /// Whether the manifest is a plugin itself and not only the cover of a pack.
    pub fn has_own_plugin(&self) -> bool {
        self.extensions.is_empty() || !self.provides.is_empty()
    }
}

//! `plugin.toml`: what a plugin says about itself before any of its code runs.
//!
//! This file holds the shape of a manifest, for readers; `manifest/document.rs` reads it from text.
//! A manifest describes one plugin, or a pack of several that share a folder and perhaps a library;
//! [`Manifest::plugins`] is the flat view that the rest of the engine works with.

mod bundle;
mod document;
mod fields;
mod json;
mod library;
pub(crate) mod notes;
mod parts;
mod platform;
mod relative_path;

pub use bundle::{Bundle, MAX_SKILLS};
pub use library::Library;
pub use platform::{Architecture, Platform, PlatformError, System};
pub use relative_path::{RelativePath, RelativePathError};

use crate::diagnostic::Diagnostic;
use loader_contract::ContractName;
use semver::Version;
use serde::{Serialize, Serializer, ser::SerializeSeq};
use std::{fmt, path::Path, str::FromStr};

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
    /// What makes it worth loading.
    pub activation: Activation,
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
    /// When it is to be replaced by a fresh generation.
    #[serde(skip_serializing_if = "ReloadRules::is_default")]
    pub reload: ReloadRules,
}

/// One plugin, whichever way its manifest writes it down.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PluginSpec {
    /// The full id: `acme`, or `acme/speech` in a pack.
    pub id: String,
    /// The id its library knows it by: `acme`, or `speech` in a pack.
    pub library_plugin_id: String,
    /// What people call it; its id when it has no name.
    pub name: String,
    /// The manifest's version.
    pub version: Version,
    /// What it is for; one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The slot it fills, which only one plugin can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// The version of the plugin interface its library was built against; a bundle has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abi: Option<AbiVersion>,
    /// The capabilities it will register.
    pub provides: Vec<Provided>,
    /// What it cannot work without.
    pub requires: Requires,
    /// The configuration it takes.
    pub config: ConfigSchemas,
    /// When it is to be replaced by a fresh generation.
    #[serde(skip_serializing_if = "ReloadRules::is_default")]
    pub reload: ReloadRules,
    /// What it is made of.
    #[serde(flatten)]
    pub content: Content,
}

/// What a plugin is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Code.
    Library(Library),
    /// Files that are read, and nothing that could run.
    Bundle(Bundle),
}

impl Content {
    /// What people call a plugin that is made of it: `plugin` or `bundle`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Library(_) => "plugin",
            Self::Bundle(_) => "bundle",
        }
    }

    /// The code; a bundle has none.
    pub fn library(&self) -> Option<&Library> {
        match self {
            Self::Library(library) => Some(library),
            Self::Bundle(_) => None,
        }
    }
}

/// One capability a plugin will register.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provided {
    /// The contract it fulfils.
    #[serde(serialize_with = "as_text")]
    pub contract: ContractName,
    /// The capability's id, unique within the contract and the plugin.
    pub id: String,
    /// Everything else its table says, for the contract's consumer.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

/// What a plugin cannot work without.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Requires {
    /// Services of the host, such as `kv/1`.
    #[serde(serialize_with = "as_texts")]
    pub services: Vec<ContractName>,
    /// Contracts that other plugins provide, such as `text-inference/1`.
    #[serde(serialize_with = "as_texts")]
    pub contracts: Vec<ContractName>,
}

/// The JSON Schemas of a plugin's configuration: files in its folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConfigSchemas {
    /// Of the plugin's own configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<RelativePath>,
    /// Of the configuration of each of its accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_schema: Option<RelativePath>,
}

/// When a plugin is to be replaced by a fresh generation, besides when its files or its own
/// configuration change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReloadRules {
    /// Dotted keys of the host's configuration, `secrets.token` for example: a change of one of them, of
    /// what is below or above it.
    pub config_prefixes: Vec<String>,
}

impl ReloadRules {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What makes a plugin worth loading: hints for commands that need only some plugins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Activation {
    /// Commands it owns.
    pub commands: Vec<String>,
    /// Channels it owns.
    pub channels: Vec<String>,
    /// Providers it owns.
    pub providers: Vec<String>,
}

/// What a plugin can set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Setup {
    /// Providers whose accounts it can set up.
    pub providers: Vec<String>,
    /// Command-line backends it can set up.
    pub cli_backends: Vec<String>,
    /// A library with the set-up code alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<Library>,
}

/// What kind of owner a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Everything of one vendor.
    Vendor,
    /// One feature, whoever provides it.
    Feature,
    /// One way to reach people.
    Channel,
}

impl Kind {
    pub(crate) const NAMES: [(&'static str, Self); 3] =
        [("vendor", Self::Vendor), ("feature", Self::Feature), ("channel", Self::Channel)];
}

/// A version of the plugin interface. Equal majors understand each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbiVersion {
    /// Changes when the interface breaks.
    pub major: u32,
    /// Changes when the interface grows.
    pub minor: u32,
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

    /// Every plugin the manifest describes: its own, unless it is a pack that provides nothing
    /// itself, and then its extensions in the order of the text. A plugin that is made of nothing,
    /// which [`Manifest::parse`] refuses, is left out.
    pub fn plugins(&self) -> Vec<PluginSpec> {
        let bundle = self.bundle.clone().map(Content::Bundle);
        let content = bundle.or_else(|| self.library.clone().map(Content::Library));
        let own = self.has_own_plugin().then_some(content).flatten();
        let own = own.map(|content| PluginSpec {
            id: self.id.clone(),
            library_plugin_id: self.id.clone(),
            name: self.name.clone().unwrap_or_else(|| self.id.clone()),
            description: self.description.clone(),
            version: self.version.clone(),
            slot: self.slot.clone(),
            abi: self.abi,
            provides: self.provides.clone(),
            requires: self.requires.clone(),
            config: self.config.clone(),
            reload: self.reload.clone(),
            content,
        });
        let extensions = self.extensions.iter().filter_map(|extension| {
            let id = format!("{}/{}", self.id, extension.id);
            Some(PluginSpec {
                library_plugin_id: extension.id.clone(),
                name: extension.name.clone().unwrap_or_else(|| id.clone()),
                id,
                description: extension.description.clone(),
                version: self.version.clone(),
                slot: extension.slot.clone(),
                abi: self.abi,
                provides: extension.provides.clone(),
                requires: extension.requires.clone(),
                config: extension.config.clone(),
                reload: extension.reload.clone(),
                content: Content::Library(
                    extension.library.as_ref().or(self.library.as_ref())?.clone(),
                ),
            })
        });
        own.into_iter().chain(extensions).collect()
    }

    /// Whether the manifest is a plugin itself and not only the cover of a pack.
    pub fn has_own_plugin(&self) -> bool {
        self.extensions.is_empty() || !self.provides.is_empty()
    }
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

fn as_text<S: Serializer>(name: &ContractName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

fn as_texts<S: Serializer>(names: &[ContractName], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(names.len()))?;
    for name in names {
        sequence.serialize_element(&name.to_string())?;
    }
    sequence.end()
}

//! The flat view of a manifest: its plugins, one by one.

use super::{
    AbiVersion, Activation, Bundle, ConfigSchemas, Library, Manifest, Provided, ReloadRules,
    Requires, Startup, UsualSecrets,
};
use semver::Version;
use serde::Serialize;

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

impl Manifest {
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
            secrets: self.secrets.clone(),
            activation: self.activation.clone(),
            startup: self.startup,
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
                secrets: extension.secrets.clone(),
                activation: extension.activation.clone(),
                startup: extension.startup,
                reload: extension.reload.clone(),
                content: Content::Library(
                    extension.library.as_ref().or(self.library.as_ref())?.clone(),
                ),
            })
        });
        own.into_iter().chain(extensions).collect()
    }
}

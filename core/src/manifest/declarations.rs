//! What a plugin declares: what it provides, requires and takes.

use super::{
    RelativePath,
    provides::{ALIASES, ORDER},
};
use loader_contract::ContractName;
use serde::{Serialize, Serializer, ser::SerializeSeq};

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
    /// The line of the manifest it stands on.
    #[serde(skip)]
    pub line: usize,
}

impl Provided {
    /// Further ids it answers to, unless somebody else does: its attribute `aliases`.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        let aliases = self.attributes.get(ALIASES).and_then(|aliases| aliases.as_array());
        aliases.into_iter().flatten().filter_map(|alias| alias.as_str())
    }

    /// Where it is listed among others of its contract, the lowest first: its attribute `order`, or 0.
    pub fn order(&self) -> i64 {
        self.attributes.get(ORDER).and_then(|order| order.as_i64()).unwrap_or(0)
    }
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
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What makes a plugin worth opening: where one of these is wanted, or one of its capabilities is called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Activation {
    /// Commands it owns.
    pub commands: Vec<String>,
    /// Channels it owns.
    pub channels: Vec<String>,
    /// Providers it owns.
    pub providers: Vec<String>,
}

impl Activation {
    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How a plugin takes part in the start of its host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Startup {
    /// It is opened only when the host serves its clients. The host can open it earlier if it is called.
    pub defer_full_load_until_after_listen: bool,
}

impl Startup {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a plugin can set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Setup {
    /// Providers whose accounts it can set up.
    pub providers: Vec<String>,
    /// Settings of an account that may stand in its channel's own table, from where they can be moved into
    /// an account's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub single_account_keys: Vec<String>,
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

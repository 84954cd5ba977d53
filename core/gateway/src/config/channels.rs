//! `[channels.<channel id>]`: the accounts through which people are reached.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FreeTable;

/// One kind of chat channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Channel {
    /// The configured uses of the channel, by account name.
    pub accounts: BTreeMap<String, Account>,
}

/// One configured use of a channel. The keys named here are the gateway's; every other key belongs
/// to the channel's plugin, whose schema describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "FreeTable", into = "FreeTable")]
#[schemars(!try_from, !into, extend("additionalProperties" = true))]
pub struct Account {
    /// Whether the account is connected.
    #[schemars(default = "enabled_by_default")]
    pub enabled: bool,
    /// The model that answers on this account, as `<provider>/<model>`. Unset means
    /// `models.default`.
    #[schemars(extend("format" = "model-name"))]
    pub model: Option<String>,
    /// The plugin's own settings of the account: every key but the two above.
    #[schemars(skip)]
    pub settings: FreeTable,
}

fn enabled_by_default() -> bool {
    true
}

impl Account {
    /// The channel's own settings, as the channel is given them.
    pub fn settings_json(&self) -> serde_json::Value {
        serde_json::Value::Object(self.settings.0.clone())
    }
}

impl Default for Account {
    fn default() -> Self {
        Self { enabled: true, model: None, settings: FreeTable::default() }
    }
}

impl TryFrom<FreeTable> for Account {
    type Error = String;

    fn try_from(FreeTable(mut keys): FreeTable) -> Result<Self, String> {
        let enabled = match keys.remove("enabled") {
            None => true,
            Some(Value::Bool(enabled)) => enabled,
            Some(_) => return Err("`enabled` of an account is true or false".to_owned()),
        };
        let model = match keys.remove("model") {
            None => None,
            Some(Value::String(model)) => Some(model),
            Some(_) => return Err("`model` of an account is a string".to_owned()),
        };
        Ok(Self { enabled, model, settings: FreeTable(keys) })
    }
}

impl From<Account> for FreeTable {
    fn from(account: Account) -> Self {
        let FreeTable(mut keys) = account.settings;
        keys.insert("enabled".to_owned(), Value::Bool(account.enabled));
        if let Some(model) = account.model {
            keys.insert("model".to_owned(), Value::String(model));
        }
        FreeTable(keys)
    }
}

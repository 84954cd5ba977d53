//! The settings of the gateway: what `loader.toml` may say, as plain typed values.
//!
//! These types are the one definition of the configuration. Their field docs are the reference text,
//! their `Default`s are the defaults, and the JSON Schema derived from them is what checks every
//! layer of configuration, what `loader config schema` prints, and what an editor completes from.
//! Where values come from and how they are merged is not known here.
//!
//! Besides the standard keywords the schema carries a few that say more about a setting:
//!
//! | keyword | meaning |
//! | --- | --- |
//! | `x-loader-trusted` | honoured only from system or user configuration and from flags |
//! | `writeOnly` | a secret: never shown |
//! | `format: path` | a path; a relative one belongs to the folder of the file that says it |
//! | `format: path-or-url` | such a path, or an `http(s)://` address |
//! | `format: socket-address` | `IP:PORT` or `[IPv6]:PORT` |
//! | `format: model-name` | `<provider>/<model>` |
//! | `minProperties` = `maxProperties` = 1 | exactly one of the keys |

mod channels;
mod free_table;
mod gateway;
mod log;
mod models;
mod plugins;
mod secrets;
mod speech;
mod tasks;
mod tools;
mod web_fetch;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use channels::{Account, Channel};
pub use free_table::FreeTable;
pub use gateway::Gateway;
pub use log::{Log, LogFormat};
pub use models::Models;
pub use plugins::{
    Breaker, Consent, Placement, PluginEntry, Plugins, Publisher, Reload, Signatures, Trust,
    Untracked,
};
pub use secrets::SecretSource;
pub use speech::Speech;
pub use tasks::Task;
pub use tools::Tools;
pub use web_fetch::WebFetch;

/// The settings of loader. Every key is optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(title = "loader.toml")]
pub struct Config {
    /// The HTTP edge: where the gateway listens and what it tolerates.
    pub gateway: Gateway,
    /// What is logged, and how.
    pub log: Log,
    /// Which plugins may be loaded, from where, and how each one runs.
    pub plugins: Plugins,
    /// Which models answer when a request or an account names none.
    pub models: Models,
    /// Who speaks when a request names no provider.
    pub speech: Speech,
    /// Who fetches pages of the web, and which.
    pub web_fetch: WebFetch,
    /// Which tools models may call, and how often.
    pub tools: Tools,
    /// Chat channels by channel id, each with its accounts.
    pub channels: BTreeMap<String, Channel>,
    /// Scheduled tasks by their ids: what is to be otherwise than their plugins say.
    pub tasks: BTreeMap<String, Task>,
    /// Secrets by name. Plugins ask the host for a secret by this name when they use it.
    pub secrets: BTreeMap<String, SecretSource>,
}

/// The JSON Schema of `loader.toml`, draft 2020-12.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}

#[cfg(test)]
mod tests;

//! Typed configuration.

use crate::{Error, Result, class};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The configuration of a plugin that has none. Any key is an error.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

pub(crate) fn read<C: DeserializeOwned>(config: Value) -> Result<C> {
    let config = if config.is_null() { Value::Object(Default::default()) } else { config };
    serde_json::from_value(config).map_err(|error| {
        Error::new(
            class::INVALID,
            "LDR-CONFIG-PLUGIN",
            format!("the configuration is wrong: {error}"),
        )
        .hint("correct `plugins.entries.<id>.config`; see `loader plugins inspect <id>`")
    })
}

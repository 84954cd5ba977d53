//! A table whose keys belong to someone else: a plugin's own settings.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings that the plugin's own schema describes, so any key is allowed here.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FreeTable(pub serde_json::Map<String, serde_json::Value>);

// Such a table often holds passwords, so it names its keys and hides every value.
impl fmt::Debug for FreeTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

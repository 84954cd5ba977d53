//! `[models]`: which model answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which models answer when a request or an account names none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Models {
    /// The model to use when nothing else names one, as `<provider>/<model>`.
    #[schemars(extend("format" = "model-name"))]
    pub default: String,
}

impl Default for Models {
    fn default() -> Self {
        Self { default: "echo/echo".to_owned() }
    }
}

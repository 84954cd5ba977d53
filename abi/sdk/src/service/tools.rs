//! `tool/1`: everybody's tools.

use crate::{Host, Result};
use loader_contract::tool::{CONTRACT, CallTool, ListedTool, ToolAnswer, ToolList, method};
use serde::Serialize;

/// Everybody's tools; from [`Host::tools`].
#[derive(Clone)]
pub struct Tools {
    host: Host,
}

impl Tools {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Every tool, with its schema.
    pub async fn list(&self) -> Result<Vec<ListedTool>> {
        let list: ToolList =
            self.host.call_json(&format!("{CONTRACT}/{}", method::LIST), &()).await?;
        Ok(list.tools)
    }

    /// Has a tool do something. The host checks the arguments and lets hooks look at them.
    pub async fn call(&self, tool: &str, arguments: &impl Serialize) -> Result<ToolAnswer> {
        let arguments = serde_json::to_value(arguments)?;
        let request = CallTool { tool: tool.to_owned(), arguments };
        self.host.call_json(&format!("{CONTRACT}/{}", method::CALL), &request).await
    }
}

//! `hook/1`: calls the hooks of events that plugins make up.

use crate::{Host, Result};
use loader_contract::hook::{CONTRACT, Custom, CustomChange, method};
use serde::Serialize;
use serde_json::Value;

/// Hooks of events that plugins make up; from [`Host::hooks`].
#[derive(Clone)]
pub struct Hooks {
    host: Host,
}

impl Hooks {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Calls the hooks of `<plugin>.<name>`, and returns what they made of the payload.
    pub async fn fire(&self, name: &str, payload: &impl Serialize) -> Result<Value> {
        let payload = serde_json::to_value(payload)?;
        let request = Custom { name: name.to_owned(), payload: payload.clone() };
        let operation = format!("{CONTRACT}/{}", method::FIRE);
        let change: CustomChange = self.host.call_json(&operation, &request).await?;
        Ok(change.payload.unwrap_or(payload))
    }
}

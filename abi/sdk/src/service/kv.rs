//! `kv/1`: the plugin's durable store.

use crate::{Host, Metadata, Result, class};
use loader_contract::service::kv::{EXISTED, KEY, Keys, List, SERVICE, TTL_MS, method};
use std::time::Duration;

/// The plugin's durable store; from [`Host::kv`].
#[derive(Clone)]
pub struct KeyValue {
    host: Host,
}

impl KeyValue {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Reads a value; `None` when there is none.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match self.call(method::GET, Metadata::new().with(KEY, key), Vec::new()).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(error) if error.class() == class::NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a value; returns once it is on disk.
    pub async fn put(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<()> {
        self.call(method::PUT, Metadata::new().with(KEY, key), value.into()).await.map(|_| ())
    }

    /// Writes a value that expires.
    pub async fn put_for(
        &self,
        key: &str,
        value: impl Into<Vec<u8>>,
        life: Duration,
    ) -> Result<()> {
        let metadata = Metadata::new().with(KEY, key).with(TTL_MS, life.as_millis().to_string());
        self.call(method::PUT, metadata, value.into()).await.map(|_| ())
    }

    /// Removes a key; says whether it was there.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        let answer = self.call(method::DELETE, Metadata::new().with(KEY, key), Vec::new()).await?;
        Ok(answer.metadata.get(EXISTED) == Some(b"1"))
    }

    /// Lists keys in ascending order.
    pub async fn list(&self, request: &List) -> Result<Keys> {
        self.host.call_json(&format!("{SERVICE}/{}", method::LIST), request).await
    }

    async fn call(&self, method: &str, metadata: Metadata, body: Vec<u8>) -> Result<crate::Answer> {
        self.host.call(&format!("{SERVICE}/{method}"), metadata, body).await
    }
}

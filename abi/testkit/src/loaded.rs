//! A plugin that runs in a test.

use crate::Captured;
use loader_contract::{channel, lifecycle::Stats};
use loader_core::{
    CallOptions, Capability, Engine, OpenStream, Retirement,
    message::{Failure, Metadata, Reply, from_json},
    reload::{Cause, Reload},
    services::{EventBus, secrets},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// A plugin that was loaded and answers. [`unload`](Self::unload) it at the end: dropping it leaves its
/// library mapped.
pub struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) plugin: String,
    pub(crate) captured: Captured,
    pub(crate) vault: Arc<secrets::Secrets>,
    pub(crate) events: EventBus,
    pub(crate) patience: Duration,
    /// Goes with the test.
    pub(crate) _folder: TempDir,
}

impl Loaded {
    /// The plugin's id.
    pub fn id(&self) -> &str {
        &self.plugin
    }

    /// What it asked of the host.
    pub fn captured(&self) -> &Captured {
        &self.captured
    }

    /// The bus of `events/1`: to hear what it publishes, and to publish what it hears.
    pub fn events(&self) -> &EventBus {
        &self.events
    }

    /// The engine below.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What it provides.
    pub fn capabilities(&self) -> Vec<Arc<Capability>> {
        self.engine.snapshot().owned_by(&self.plugin).cloned().collect()
    }

    /// How calls of this test are made.
    pub fn options(&self) -> CallOptions {
        CallOptions::by("gateway").within(self.patience)
    }

    /// Calls a method, JSON both ways.
    pub async fn call<A: DeserializeOwned>(
        &self,
        contract: &str,
        id: &str,
        method: &str,
        request: &impl Serialize,
    ) -> Result<A, Failure> {
        let body = Reply::json(request)?.body;
        let reply =
            self.call_raw(contract, id, method, self.options(), Metadata::new(), body).await?;
        from_json(&reply.body)
    }

    /// Calls a method with any body and options.
    pub async fn call_raw(
        &self,
        contract: &str,
        id: &str,
        method: &str,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<Reply, Failure> {
        if (contract, method) == (channel::CONTRACT, channel::method::CONNECT) {
            self.permit(&body);
        }
        self.engine.target(contract, Some(id), method)?.call(options, metadata, body).await
    }

    /// Lets the plugin fetch the secrets that an account names, as the gateway does.
    fn permit(&self, account: &[u8]) {
        let account = serde_json::from_slice(account).unwrap_or_default();
        let names = secrets::references(&account).into_iter().map(str::to_owned);
        self.vault.allow(&self.plugin, names);
    }

    /// Opens a stream; dropping what comes cancels it.
    pub async fn open(
        &self,
        contract: &str,
        id: &str,
        method: &str,
        request: &impl Serialize,
    ) -> Result<OpenStream, Failure> {
        let body = Reply::json(request)?.body;
        self.open_raw(contract, id, method, self.options(), Metadata::new(), body).await
    }

    /// Opens a stream with any body and options.
    pub async fn open_raw(
        &self,
        contract: &str,
        id: &str,
        method: &str,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<OpenStream, Failure> {
        self.engine.target(contract, Some(id), method)?.open(options, metadata, body).await
    }

    /// Replaces it by a fresh generation of the same library, to which it hands its state over.
    pub async fn reload(&self) -> Result<Reload, loader_core::diagnostic::Diagnostic> {
        let number = self.engine.reload(&self.plugin, Cause::Requested)?;
        let over = self.engine.reloads().over(number).await;
        Ok(over.expect("the ledger remembers the newest"))
    }

    /// Calls and streams under way.
    pub fn in_flight(&self) -> usize {
        let stats = self.engine.stats();
        stats.iter().find(|one| one.plugin == self.plugin).map_or(0, |one| one.in_flight)
    }

    /// What its library says it uses: memory, and background tasks that run.
    pub async fn usage(&self) -> Result<Stats, Failure> {
        self.engine.usage(&self.plugin).await
    }

    /// Stops it and lets its library leave the process.
    pub async fn unload(self) -> Retirement {
        let retirement = self.engine.unload(&self.plugin, self.patience).await;
        self.engine.stop(Duration::ZERO).await;
        retirement.unwrap_or(Retirement::Unloaded)
    }
}

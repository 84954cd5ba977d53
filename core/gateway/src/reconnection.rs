//! Accounts of channels that have a fresh generation, and the secrets they name.
//!
//! A generation that was handed its predecessor's accounts has them, and is told nothing new. One that
//! was not, because its channel hands nothing over, was stuck, or is new, has none until it is told.

use crate::{difference, gateway::Inner};
use loader_contract::channel::CONTRACT;
use loader_core::{Engine, Snapshot};
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

/// The generation that serves each channel.
type Generations = HashMap<String, u64>;

/// Connects the accounts of every channel whose generation is another than before, and lets it fetch
/// the secrets they name, until the gateway is gone.
pub(crate) fn follow(gateway: &Arc<Inner>) {
    let mut changes = gateway.engine.registry().changes();
    let mut seen = generations(&gateway.engine.snapshot());
    let gateway: Weak<Inner> = Arc::downgrade(gateway);
    tokio::spawn(async move {
        while changes.changed().await.is_ok() {
            let Some(gateway) = gateway.upgrade() else { return };
            // Whoever applies another configuration connects what differs himself.
            let _turn = gateway.applying.lock().await;
            let now = generations(&gateway.engine.snapshot());
            let config = gateway.desk.config();
            gateway.permissions.renew(&gateway.engine.snapshot(), &config);
            for ((channel, account), settings) in difference::connected(&config) {
                if now.contains_key(channel) && now.get(channel) != seen.get(channel) {
                    gateway.channels.connect(&gateway.engine, channel, account, settings).await;
                }
            }
            seen = now;
        }
    });
}

/// Whether the plugin of a channel is to be opened only after the gateway has begun to serve.
pub(crate) fn is_awaited(engine: &Engine, channel: &str) -> bool {
    let snapshot = engine.snapshot();
    let capability = snapshot.capability(CONTRACT, channel);
    capability.is_some_and(|channel| engine.is_deferred(&channel.plugin))
}

fn generations(snapshot: &Snapshot) -> Generations {
    let channels = snapshot.capabilities(CONTRACT);
    let served = channels.filter_map(|channel| {
        let record = snapshot.plugin(&channel.plugin)?;
        Some((channel.id.clone(), record.generation?))
    });
    served.collect()
}

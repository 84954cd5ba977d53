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
pub(crate) struct Generations(HashMap<String, u64>);

/// Connects the accounts of every channel whose generation is another than that which was connected, and lets
/// it fetch the secrets they name, until the gateway is gone.
pub(crate) fn follow(gateway: &Arc<Inner>, mut connected: Generations) {
    let mut changes = gateway.engine.registry().changes();
    let gateway: Weak<Inner> = Arc::downgrade(gateway);
    tokio::spawn(async move {
        loop {
            let Some(gateway) = gateway.upgrade() else { return };
            connect_fresh(&gateway, &mut connected).await;
            drop(gateway);
            if changes.changed().await.is_err() {
                return;
            }
        }
    });
}

async fn connect_fresh(gateway: &Inner, connected: &mut Generations) {
    // Whoever applies another configuration connects what differs himself.
    let _turn = gateway.applying.lock().await;
    let snapshot = gateway.engine.snapshot();
    let now = Generations::of(&snapshot);
    let config = gateway.desk.config();
    gateway.permissions.renew(&snapshot, &config);
    for ((channel, account), settings) in difference::connected(&config) {
        let served = now.0.get(channel);
        if served.is_some() && served != connected.0.get(channel) {
            gateway.channels.connect(&gateway.engine, channel, account, settings).await;
        }
    }
    *connected = now;
}

/// Whether the plugin of a channel is to be opened only after the gateway has begun to serve.
pub(crate) fn is_awaited(engine: &Engine, channel: &str) -> bool {
    let snapshot = engine.snapshot();
    let capability = snapshot.capability(CONTRACT, channel);
    capability.is_some_and(|channel| engine.is_deferred(&channel.plugin))
}

impl Generations {
    /// Those of a snapshot.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let channels = snapshot.capabilities(CONTRACT);
        let served = channels.filter_map(|channel| {
            let record = snapshot.plugin(&channel.plugin)?;
            Some((channel.id.clone(), record.generation?))
        });
        Self(served.collect())
    }
}

//! Watches for generations all of whose threads are stuck, and replaces them.

use super::{Engine, ReloadRequest};
use crate::reload::Cause;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::warn;

/// How often the threads' pulses are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// When a generation's pulses stopped moving.
struct Stillness {
    since: Instant,
    pulses: Vec<u64>,
}

/// Starts the watch; it ends with the engine.
pub(super) fn spawn(engine: &Engine) {
    let weak = Arc::downgrade(&engine.0);
    tokio::spawn(async move {
        let mut still: HashMap<u64, Stillness> = HashMap::new();
        loop {
            tokio::time::sleep(INTERVAL).await;
            let Some(inner) = weak.upgrade() else { return };
            let engine = Engine(inner);
            for (id, number) in stuck(&engine, &mut still) {
                warn!(
                    plugin = id,
                    generation = number,
                    "every thread of the plugin is stuck; a fresh generation takes over"
                );
                still.remove(&number);
                // It may have been stopped meanwhile.
                let _ = engine.reload(
                    &id,
                    ReloadRequest { window: Some(Duration::ZERO), ..Cause::Stuck.into() },
                );
            }
        }
    });
}

/// The generations whose threads have all been inside one poll for too long.
fn stuck(engine: &Engine, still: &mut HashMap<u64, Stillness>) -> Vec<(String, u64)> {
    let patience = engine.0.options().stuck_timeout;
    let loaded = engine.0.loaded();
    still.retain(|number, _| loaded.iter().any(|loaded| loaded.running.keeper.number() == *number));
    let mut stuck = Vec::new();
    for loaded in loaded.iter() {
        let generation = loaded.running.keeper.generation();
        let number = generation.number();
        match still.get(&number) {
            Some(stillness) if generation.all_stuck(&stillness.pulses) => {
                if stillness.since.elapsed() >= patience {
                    stuck.push((loaded.id.clone(), number));
                }
            }
            _ => {
                let pulses = generation.pulses();
                still.insert(number, Stillness { since: Instant::now(), pulses });
            }
        }
    }
    stuck
}

//! What the consumers of contracts work with: the engine, while there is one, and the configuration.

use crate::config::Config;
use arc_swap::{ArcSwap, ArcSwapOption};
use loader_abi::class;
use loader_core::{Engine, message::Failure};
use std::sync::Arc;

/// What the consumers of contracts work with.
///
/// The engine owns the services, and they need the engine to reach plugins: it is put here once it
/// runs, and taken away when it stops, so that neither keeps the other for ever.
pub(crate) struct Desk {
    engine: ArcSwapOption<Engine>,
    config: ArcSwap<Config>,
}

impl Desk {
    pub(crate) fn new(config: Config) -> Self {
        Self { engine: ArcSwapOption::empty(), config: ArcSwap::from_pointee(config) }
    }

    /// Plugins can be reached from now on.
    pub(crate) fn open(&self, engine: Engine) {
        self.engine.store(Some(Arc::new(engine)));
    }

    /// Plugins can be reached no more.
    pub(crate) fn close(&self) {
        self.engine.store(None);
    }

    /// The engine, unless the gateway is starting or stopping.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>, Failure> {
        self.engine.load_full().ok_or_else(|| {
            let message = "the gateway is starting or stopping and reaches no plugins now";
            Failure::new(class::UNAVAILABLE, "LDR-CALL-STARTING", message)
                .hint("try again in a moment")
        })
    }

    /// The configuration in effect.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Whatever begins from now on follows this configuration.
    pub(crate) fn adjust(&self, config: Config) {
        self.config.store(Arc::new(config));
    }
}

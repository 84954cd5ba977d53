//! An engine that serves one fixture in one placement.

use crate::{Home, expect_no_error};
use loader_core::{Engine, Placement, PluginOptions, Target};
use std::time::Duration;

/// One fixture, served.
pub struct Served {
    engine: Engine,
    _home: Home,
}

impl Served {
    /// Loads a fixture with its default settings but for the placement.
    pub async fn load(fixture: &str, placement: Placement) -> Self {
        let home = Home::new();
        home.add(fixture);
        let mut options = home.options();
        let plugin = PluginOptions { placement, ..PluginOptions::default() };
        options.plugins.insert(fixture.to_owned(), plugin);
        let engine = Engine::new(options).expect("an engine");
        expect_no_error(&engine.load_all().await);
        Self { engine, _home: home }
    }

    /// A method of the fixture's capability.
    pub fn target(&self, contract: &str, method: &str) -> Target {
        self.engine.target(contract, None, method).expect("the fixture is served")
    }

    /// Stops the engine.
    pub async fn stop(self) {
        self.engine.stop(Duration::from_secs(5)).await;
    }
}

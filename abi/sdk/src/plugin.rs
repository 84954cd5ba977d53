//! The trait every plugin implements.

use crate::{Host, Result};
use serde::de::DeserializeOwned;
use std::future::Future;

/// One plugin.
///
/// Write the methods as `async fn`. None of them is called twice, and none before `start` is done.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// The typed configuration: a struct with [`#[config]`](crate::config), or
    /// [`NoConfig`](crate::NoConfig).
    type Config: DeserializeOwned + schemars::JsonSchema + Send;

    /// Makes the plugin. An error here, or a panic, keeps it from being served.
    ///
    /// Called once, before anything else. Do what must succeed for the plugin to be useful, and
    /// leave what may fail and come back (connections) to [`run`](Self::run).
    fn start(host: Host, config: Self::Config) -> impl Future<Output = Result<Self>> + Send;

    /// Background work. Dropped at its next `await` when the plugin stops.
    ///
    /// Called once, after `start`. Returning `Ok` means there is no more to do; an error is logged
    /// and makes the plugin unhealthy, but does not stop it.
    fn run(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// No new calls will come; finish what is under way.
    fn drain(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Let go of everything: say goodbye to the network, join threads. The plugin is dropped next.
    fn stop(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

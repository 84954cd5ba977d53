//! The trait every plugin implements.

use crate::{Host, Result};
use serde::de::DeserializeOwned;
use std::future::Future;

/// One plugin.
///
/// Write the methods as `async fn`. None but [`ready`](Self::ready) is called twice, and none before
/// `start` is done.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// The typed configuration: a struct with [`#[config]`](crate::config), or
    /// [`NoConfig`](crate::NoConfig).
    type Config: DeserializeOwned + schemars::JsonSchema + Send;

    /// Makes the plugin. An error here, or a panic, keeps it from being served.
    ///
    /// Called once, before anything else. Do what must succeed for the plugin to be useful, and
    /// leave what may fail and come back (connections) to [`run`](Self::run): on a reload the
    /// generation before still serves while this one starts.
    fn start(host: Host, config: Self::Config) -> impl Future<Output = Result<Self>> + Send;

    /// Background work. Dropped at its next `await` when the plugin stops.
    ///
    /// Called once, after `start`, when calls are sent to this generation. Stands still from the
    /// moment another generation takes over, and goes on should that one be withdrawn; tasks and
    /// streams are not stopped. Returning `Ok` means there is no more to do; an error is logged and
    /// makes the plugin unhealthy, but does not stop it.
    fn run(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Whether it can serve, asked after `start` and before calls are sent to a fresh generation on a
    /// reload, and now and then while it is watched. An error keeps the generation before.
    fn ready(&self) -> impl Future<Output = Result<()>> + Send {
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

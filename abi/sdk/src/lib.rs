//! Write a plugin: implement [`Plugin`] and one trait per capability, then [`export_plugin!`].
//!
//! ```no_run
//! use loader_sdk::prelude::*;
//!
//! struct Hello;
//!
//! impl Plugin for Hello {
//!     type Config = NoConfig;
//!
//!     async fn start(_: Host, _: NoConfig) -> Result<Self> {
//!         Ok(Self)
//!     }
//! }
//!
//! impl HttpRoute for Hello {
//!     async fn handle(&self, _: Call, request: HttpRequest) -> Result<HttpResponse> {
//!         Ok(HttpResponse::text(format!("hello from {}", request.path())))
//!     }
//! }
//!
//! export_plugin! {
//!     plugin: Hello,
//!     id: "hello",
//!     provides: [http_route: "hello"],
//! }
//! # fn main() {}
//! ```
//!
//! # Life of a plugin
//!
//! 1. [`Plugin::start`] makes it from its typed configuration. Keep [`Host`]: it is how the plugin
//!    logs, sleeps, stores, calls out.
//! 2. [`Plugin::run`], and every task given to [`Host::spawn`], runs in the background.
//! 3. Capability methods are called from several threads at once; each gets a [`Call`].
//! 4. On a reload the next generation is started beside it; [`Plugin::ready`] is asked. A plugin with
//!    state implements [`Handover`]: it exports, and its successor imports.
//! 5. [`Plugin::drain`]: no new calls will come. [`Plugin::stop`]: let go of everything.
//! 6. The plugin is dropped and its library leaves the process.
//!
//! A panic anywhere becomes an error of the call it happened in. A call whose caller went away, or
//! whose deadline passed, is dropped at its next `await`.

mod adapter;
pub mod allocation;
mod call;
pub mod capability;
pub mod chance;
mod config;
mod current;
mod custody;
mod error;
pub mod export;
mod guard;
#[cfg(doctest)]
mod guides;
mod host;
mod log;
mod metadata;
mod pause;
mod plugin;
mod registration;
#[cfg(feature = "own-runtime")]
mod runtime;
pub mod service;
mod state;
mod stream;
mod tasks;

pub mod prelude;

pub use call::Call;
pub use config::NoConfig;
pub use error::{Error, Result, class};
pub use host::{Answer, Host};
pub use loader_abi as abi;
pub use loader_contract as contract;
pub use loader_sdk_macros::{arguments, config, state};
pub use metadata::Metadata;
pub use plugin::Plugin;
pub use registration::Registration;
#[cfg(feature = "own-runtime")]
pub use runtime::OwnRuntime;
pub use schemars;
pub use serde;
pub use state::{Handover, State};
pub use stream::{Message, Receiver, Sender, Stream};
pub use tracing;

/// How a plugin waits without a runtime of its own: joining, selecting, iterating.
pub use futures_util as futures;

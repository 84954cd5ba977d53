//! The services every host offers, one file each; [`Standard`] puts them together.
//!
//! | service | file | in a word |
//! | --- | --- | --- |
//! | `clock/1` | [`clock`] | time and timers |
//! | `config/1` | [`config`] | the plugin's configuration |
//! | `secrets/1` | [`secrets`] | secrets the plugin's settings name |
//! | `kv/1` | [`kv`] | a durable store |
//! | `events/1` | [`events`] | publish and subscribe |
//! | `http-client/1` | [`http_client`] | HTTP with TLS |
//! | `net/1` | [`net`] | byte streams by name, which outlive a generation |
//! | `websocket/1` | [`websocket`] | WebSockets |
//!
//! An embedding program that needs fewer, or others besides, puts its own
//! [`Services`] together from these and what it adds.

pub mod clock;
pub mod config;
pub mod events;
pub mod http_client;
pub mod kv;
pub mod net;
pub mod secrets;
pub mod websocket;

pub(crate) mod cause;
mod dial;
mod loan;
pub(crate) mod trust;

pub use events::{EventBus, Subscription};
pub use secrets::{SecretBytes, SecretSource};

use crate::{
    message::Failure,
    service::{Service, Services},
};
use loader_abi::class;
use std::{path::PathBuf, sync::Arc};

/// What the standard services need to know.
pub struct Standard {
    /// The file of `kv/1`; made if it does not exist, in a folder that does.
    pub kv_path: PathBuf,
    /// Where secrets come from.
    pub secrets: Arc<dyn SecretSource>,
    /// What the host calls itself to servers, such as `loader/0.1`.
    pub user_agent: String,
    /// A PEM file with the only certificate authorities to trust; the system's without one.
    pub authorities: Option<PathBuf>,
}

/// The standard services, and the handles the embedding program keeps.
pub struct StandardServices {
    /// All of them, for the engine.
    pub services: Services,
    /// The bus of `events/1`.
    pub events: EventBus,
    /// To say where secrets come from, and who may have more than its configuration names.
    pub secrets: Arc<secrets::Secrets>,
}

impl Standard {
    /// Opens the store and reads the authorities. Blocks; needs no runtime.
    ///
    /// Fails with `LDR-KV-OPEN` or `LDR-TLS-AUTHORITIES` when a file cannot be used.
    pub fn open(self) -> Result<StandardServices, Failure> {
        let trust = Arc::new(trust::Trust::new(self.authorities.as_deref())?);
        let events = EventBus::new();
        let secrets = Arc::new(secrets::Secrets::new(self.secrets));
        let services: [Arc<dyn Service>; 8] = [
            Arc::new(clock::Clock::new()),
            Arc::new(config::Config),
            secrets.clone(),
            Arc::new(kv::KeyValue::open(&self.kv_path)?),
            Arc::new(events::Events::new(events.clone())),
            Arc::new(http_client::HttpClient::new(trust.clone(), &self.user_agent)?),
            Arc::new(net::Net::new(trust.clone())),
            Arc::new(websocket::WebSockets::new(trust, &self.user_agent)),
        ];
        Ok(StandardServices { services: Services::new(services), events, secrets })
    }
}

/// Does blocking work off the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", "the work was given up"))
    })
}

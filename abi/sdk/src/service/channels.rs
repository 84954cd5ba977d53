//! `channel/1`: sends through the channels that reach people.

use crate::{Host, Metadata, Result};
use loader_contract::channel::{CONTRACT, SendText, Sent, method};

/// The channels; from [`Host::channels`].
#[derive(Clone)]
pub struct Channels {
    host: Host,
}

impl Channels {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Sends text through the channel that the request names. The host picks the account when it
    /// names none.
    pub async fn send(&self, request: &SendText) -> Result<Sent> {
        self.host.call_json(&format!("{CONTRACT}/{}", method::SEND), request).await
    }

    /// The same, once for each key of this plugin's: a channel that sent for a key does not send for it
    /// again, but answers as it did then.
    pub async fn send_once(&self, key: &str, request: &SendText) -> Result<Sent> {
        let operation = format!("{CONTRACT}/{}", method::SEND);
        let key = format!("{}/{key}", self.host.plugin_id());
        let body = serde_json::to_vec(request)?;
        self.host.call_once(&key, &operation, Metadata::new(), body).await?.read(&operation)
    }
}

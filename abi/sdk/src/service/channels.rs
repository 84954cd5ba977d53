//! `channel/1`: sends through the channels that reach people.

use crate::{Host, Metadata, Result};
use loader_abi::operation::CAPABILITY_KEY;
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

    /// Sends text through a channel. The host picks the account when the request names none.
    pub async fn send(&self, channel: &str, request: &SendText) -> Result<Sent> {
        let metadata = Metadata::new().with(CAPABILITY_KEY, channel);
        let operation = format!("{CONTRACT}/{}", method::SEND);
        let answer = self.host.call(&operation, metadata, serde_json::to_vec(request)?).await?;
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

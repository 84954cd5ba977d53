//! `channel/1`: sends through the channels that reach people.

use crate::{Host, Result};
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
}

//! `events/1`: publish and subscribe.

use crate::{Host, Metadata, Receiver, Result, Sender};
use loader_abi::message_kind;
use loader_contract::service::events::{Event, Publish, SERVICE, Subscribe, method};
use serde::Serialize;

/// Publish and subscribe; from [`Host::events`].
#[derive(Clone)]
pub struct Events {
    host: Host,
}

impl Events {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Tells everyone.
    pub async fn publish(&self, topic: &str, payload: &impl Serialize) -> Result<()> {
        let request = Publish { topic: topic.to_owned(), payload: serde_json::to_value(payload)? };
        self.host.call_json(&format!("{SERVICE}/{}", method::PUBLISH), &request).await
    }

    /// Hears what is told from now on, on these topics (`message.received`, `channel.*`).
    pub async fn subscribe(&self, topics: &[&str]) -> Result<Subscription> {
        let request = Subscribe { topics: topics.iter().map(|&topic| topic.to_owned()).collect() };
        let operation = format!("{SERVICE}/{}", method::SUBSCRIBE);
        let body = serde_json::to_vec(&request)?;
        let (_, stream) = self.host.open(&operation, Metadata::new(), body).await?;
        Ok(Subscription { receiver: stream.receiver, _sender: stream.sender })
    }
}

/// A subscription; it ends when it is dropped.
pub struct Subscription {
    receiver: Receiver,
    _sender: Sender,
}

impl Subscription {
    /// The next event; `None` when the host ends the subscription.
    pub async fn next(&self) -> Result<Option<Event>> {
        while let Some(message) = self.receiver.next().await? {
            if message.kind == message_kind::EVENT {
                return message.parse().map(Some);
            }
        }
        Ok(None)
    }
}

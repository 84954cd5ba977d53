//! `net/1`: byte streams that the host owns and lends by name.

use crate::{Host, Message, Metadata, Receiver, Result, Sender};
use loader_contract::service::net::{Close, SERVICE, method};
pub use loader_contract::service::net::{Connect, Connected, Tls};

/// Byte streams that the host owns; from [`Host::net`].
#[derive(Clone)]
pub struct Net {
    host: Host,
}

impl Net {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Opens a connection, or takes over the open one of this name.
    pub async fn connect(&self, request: &Connect) -> Result<Connection> {
        let operation = format!("{SERVICE}/{}", method::CONNECT);
        let body = serde_json::to_vec(request)?;
        let (head, stream) = self.host.open(&operation, Metadata::new(), body).await?;
        let connected = serde_json::from_slice(&head.body)?;
        Ok(Connection { connected, reader: Reader(stream.receiver), writer: Writer(stream.sender) })
    }

    /// Closes a connection for good.
    pub async fn close(&self, name: &str) -> Result<()> {
        let request = Close { name: name.to_owned() };
        self.host.call_json(&format!("{SERVICE}/{}", method::CLOSE), &request).await
    }
}

/// A connection. Dropping both halves gives it back to the host.
pub struct Connection {
    /// What the host says of it.
    pub connected: Connected,
    /// From the network.
    pub reader: Reader,
    /// To the network.
    pub writer: Writer,
}

/// The reading half.
pub struct Reader(Receiver);

impl Reader {
    /// The next bytes; `None` when the other side closed.
    pub async fn read(&self) -> Result<Option<Vec<u8>>> {
        self.0.data().await
    }
}

/// The writing half.
pub struct Writer(Sender);

impl Writer {
    /// Queues bytes for the network, waiting while it is behind.
    pub async fn write(&self, bytes: impl Into<Vec<u8>>) -> Result<()> {
        self.0.send(Message::data(bytes)).await
    }
}

//! `websocket/1`: WebSockets that the host owns.

use crate::{Error, Host, Message, Metadata, Result, Stream};
use loader_abi::message_kind;
pub use loader_contract::service::websocket::{Closed, Connect, Connected};
use loader_contract::service::websocket::{SERVICE, code, method};

/// WebSockets that the host owns; from [`Host::websocket`].
#[derive(Clone)]
pub struct WebSockets {
    host: Host,
}

impl WebSockets {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Opens a socket, or takes over the open one of this name.
    pub async fn connect(&self, request: &Connect) -> Result<WebSocket> {
        let operation = format!("{SERVICE}/{}", method::CONNECT);
        let body = serde_json::to_vec(request)?;
        let (head, stream) = self.host.open(&operation, Metadata::new(), body).await?;
        Ok(WebSocket { connected: serde_json::from_slice(&head.body)?, stream })
    }
}

/// An open socket. Dropping it closes it without a code, or gives it back to the host if it has a name
/// and is to be kept.
pub struct WebSocket {
    /// What the server agreed to.
    pub connected: Connected,
    stream: Stream,
}

/// One message of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl WebSocket {
    /// The next message; `None` when the socket closed in the usual way. When the server said why it
    /// closed, [`WebSocket::why`] tells it from the error.
    pub async fn next(&self) -> Result<Option<Frame>> {
        while let Some(message) = self.stream.receiver.next().await? {
            match message.kind {
                message_kind::EVENT => {
                    let text = String::from_utf8(message.body)?;
                    return Ok(Some(Frame::Text(text)));
                }
                message_kind::DATA => return Ok(Some(Frame::Binary(message.body))),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Sends one message.
    pub async fn send(&self, frame: Frame) -> Result<()> {
        let message = match frame {
            Frame::Text(text) => Message {
                kind: message_kind::EVENT,
                metadata: Metadata::new(),
                body: text.into_bytes(),
            },
            Frame::Binary(bytes) => Message::data(bytes),
        };
        self.stream.sender.send(message).await
    }

    /// Closes the socket with a code and a reason, after what was sent before.
    pub fn close(&self, closed: &Closed) {
        let error = Error::unavailable(code::CLOSED, "the plugin closed the socket");
        self.stream.sender.fail(error.with_details(closed));
    }

    /// Why the server closed the socket, if that is what this error is about.
    pub fn why(error: &Error) -> Option<Closed> {
        (error.code() == code::CLOSED).then(|| error.details()).flatten()
    }
}

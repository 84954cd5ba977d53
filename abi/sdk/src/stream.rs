//! Streams as an author sees them.

use crate::{Error, Metadata, Result, class};
use loader_abi::{
    Duplex, End, StreamReceiverBox, StreamSenderBox,
    abi_stable::std_types::{RBox, ROption, RVec},
    end_reason, message_kind, receive_status, send_status,
};
use serde::{Serialize, de::DeserializeOwned};

/// How much of a long value goes into one message.
const PIECE_BYTES: usize = 256 * 1024;

/// One end of a stream: two independent halves.
pub struct Stream {
    /// Towards the other side.
    pub sender: Sender,
    /// From the other side.
    pub receiver: Receiver,
}

impl Stream {
    pub(crate) fn from_abi(duplex: Duplex) -> Self {
        Self { sender: Sender(duplex.sender), receiver: Receiver(duplex.receiver) }
    }
}

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// See [`message_kind`](loader_abi::message_kind).
    pub kind: u32,
    /// Ordered metadata.
    pub metadata: Metadata,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

impl Message {
    /// The first message of an accepted stream.
    pub fn head(metadata: Metadata, body: impl Into<Vec<u8>>) -> Self {
        Self { kind: message_kind::HEAD, metadata, body: body.into() }
    }

    /// Raw bytes.
    pub fn data(body: impl Into<Vec<u8>>) -> Self {
        Self { kind: message_kind::DATA, metadata: Metadata::new(), body: body.into() }
    }

    /// One event of the contract, as JSON.
    pub fn event<T: Serialize>(event: &T) -> Result<Self> {
        let body = serde_json::to_vec(event)?;
        Ok(Self { kind: message_kind::EVENT, metadata: Metadata::new(), body })
    }

    /// Reads the body as JSON.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// The sending half. Dropping it ends it: as the handler's result says where the plugin serves the
/// stream, as cancelled where the plugin opened it.
pub struct Sender(StreamSenderBox);

impl Sender {
    /// Sends one message, waiting while the window is full.
    pub async fn send(&self, message: Message) -> Result<()> {
        let mut message = loader_abi::Message {
            kind: message.kind,
            metadata: message.metadata.0,
            body: RVec::from(message.body),
        };
        loop {
            let outcome = self.0.try_send(message);
            match (outcome.status, outcome.returned) {
                (send_status::SENT, _) => return Ok(()),
                (send_status::FULL, ROption::RSome(returned)) => {
                    message = returned;
                    self.0.writable().await;
                }
                (send_status::TOO_LARGE, _) => {
                    return Err(Error::new(
                        class::EXHAUSTED,
                        "LDR-STREAM-TOO-LARGE",
                        "a stream message may have at most 1 MiB",
                    )
                    .hint("send several messages"));
                }
                _ => {
                    return Err(Error::new(
                        class::CANCELLED,
                        "LDR-STREAM-ENDED",
                        "the other side does not listen any more",
                    ));
                }
            }
        }
    }

    /// Sends one event of the contract.
    pub async fn send_event<T: Serialize>(&self, event: &T) -> Result<()> {
        self.send(Message::event(event)?).await
    }

    /// Sends a value whose JSON may be longer than one message: a head, then as many pieces as it
    /// takes.
    pub(crate) async fn send_whole<T: Serialize>(&self, value: &T) -> Result<()> {
        let json = serde_json::to_vec(value)?;
        let head = Metadata::new().with(loader_contract::CONTENT_TYPE, "application/json");
        self.send(Message::head(head, Vec::new())).await?;
        for piece in json.chunks(PIECE_BYTES) {
            self.send(Message::data(piece)).await?;
        }
        Ok(())
    }

    /// Says that all was said, while the other half goes on.
    pub fn finish(&self) {
        self.0.close(End { reason: end_reason::DONE, error: ROption::RNone });
    }

    /// Says that no more will come, and why.
    pub fn fail(&self, error: Error) {
        let error = ROption::RSome(error.into_abi());
        self.0.close(End { reason: end_reason::ERROR, error });
    }
}

/// The receiving half. Dropping it tells the sender that nobody listens.
pub struct Receiver(StreamReceiverBox);

impl Receiver {
    /// The next message; `None` when the other side said all it had to say.
    pub async fn next(&self) -> Result<Option<Message>> {
        loop {
            let outcome = self.0.try_receive();
            match outcome.status {
                receive_status::MESSAGE => {
                    if let ROption::RSome(message) = outcome.message {
                        return Ok(Some(Message {
                            kind: message.kind,
                            metadata: Metadata(message.metadata),
                            body: message.body.into_vec(),
                        }));
                    }
                }
                receive_status::ENDED => {
                    return ended(outcome.end.into_option().map(RBox::into_inner));
                }
                _ => self.0.readable().await,
            }
        }
    }

    /// The next raw bytes, whatever other messages come before them; `None` when the other side said
    /// all it had to say.
    pub async fn data(&self) -> Result<Option<Vec<u8>>> {
        while let Some(message) = self.next().await? {
            if message.kind == message_kind::DATA {
                return Ok(Some(message.body));
            }
        }
        Ok(None)
    }
}

fn ended(end: Option<End>) -> Result<Option<Message>> {
    let Some(end) = end else { return Ok(None) };
    match (end.reason, end.error) {
        (end_reason::DONE, _) => Ok(None),
        (_, ROption::RSome(error)) => Err(Error::from_abi(error)),
        (end_reason::DEADLINE, _) => {
            Err(Error::new(class::DEADLINE, "LDR-CALL-DEADLINE", "the deadline passed"))
        }
        (end_reason::SUPERSEDED, _) => {
            Err(Error::new(class::CANCELLED, "LDR-STREAM-SUPERSEDED", "a newer stream took over"))
        }
        _ => Err(Error::new(class::CANCELLED, "LDR-STREAM-CANCELLED", "the other side went away")),
    }
}

//! The boundary as bytes on a socket: every argument of its verbs has a form here, and each frame is a
//! length (`u32`, little-endian) and JSON. For one test, `wire.rs`; no product feature.
//!
//! Either side may call and open. Ids of the plugin's side are even, of the other side odd, so that a
//! stream goes by the id of the call that opened it.

use loader_abi::{
    self as abi,
    abi_stable::std_types::{RBox, ROption, RResult, RVec},
};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// One step of the conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Frame {
    /// Asks for one answer.
    Call(u64, Request),
    /// Asks for a stream. The other side accepts it by its first message.
    Open(u64, Request),
    /// The answer to a call, or how the handling of a stream ended.
    Answer(u64, Result<Reply, Error>),
    /// The caller went away.
    Cancel(u64),
    /// One message of a stream.
    Message(u64, Message),
    /// So many more messages may be sent.
    Credit(u64, u32),
    /// The sender's half ended.
    End(u64, u32, Option<Error>),
    /// Nobody listens to the sender any more.
    Deaf(u64),
    /// A log, span or metric: level, target, name, fields.
    Emit(u32, String, String, Vec<u8>),
}

/// Ordered metadata.
pub type Metadata = Vec<(String, Vec<u8>)>;

/// What a call or a stream asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The operation's name.
    pub operation: String,
    /// The typed context.
    pub context: Context,
    /// Ordered metadata.
    pub metadata: Metadata,
    /// The body.
    pub body: Vec<u8>,
}

/// [`abi::CallContext`] as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// The call's id in its host.
    pub call_id: u64,
    /// Nanoseconds until the deadline.
    pub remaining_ns: u64,
    /// The `traceparent`, if there is one.
    pub trace: Option<String>,
    /// Who calls.
    pub caller: String,
    /// How many plugin-to-plugin calls led here.
    pub depth: u32,
    /// Equal keys mean the same intent.
    pub idempotency_key: String,
}

/// [`abi::Reply`] as data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Ordered metadata.
    pub metadata: Metadata,
    /// The body.
    pub body: Vec<u8>,
}

/// [`abi::Message`] as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The kind.
    pub kind: u32,
    /// Ordered metadata.
    pub metadata: Metadata,
    /// The body.
    pub body: Vec<u8>,
}

/// [`abi::CallError`] as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Error {
    /// The class.
    pub class: u32,
    /// The code.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// When trying again may help.
    pub retry_after_ms: Option<u64>,
    /// A JSON object, or nothing.
    pub details: Vec<u8>,
    /// Where it arose.
    pub origin: String,
}

/// Sends one frame.
pub fn write(socket: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let json = serde_json::to_vec(frame)?;
    let length = u32::try_from(json.len()).map_err(io::Error::other)?;
    socket.write_all(&[&length.to_le_bytes(), json.as_slice()].concat())
}

/// Receives one frame; none at the end.
pub fn read(socket: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut length = [0; 4];
    match socket.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut json = vec![0; u32::from_le_bytes(length) as usize];
    socket.read_exact(&mut json)?;
    Ok(Some(serde_json::from_slice(&json)?))
}

fn metadata_from(metadata: abi::Metadata) -> Metadata {
    let fields = metadata.into_iter();
    fields.map(|field| (field.key.into_string(), field.value.into_vec())).collect()
}

fn metadata_into(metadata: Metadata) -> abi::Metadata {
    let fields = metadata.into_iter();
    fields.map(|(key, value)| abi::Field { key: key.into(), value: value.into() }).collect()
}

impl Request {
    /// What a plugin asks of its host.
    pub fn from_abi(
        operation: &str,
        context: abi::CallContext,
        metadata: abi::Metadata,
        body: RVec<u8>,
    ) -> Self {
        let context = Context {
            call_id: context.call_id,
            remaining_ns: context.remaining_ns,
            trace: context.trace.to_traceparent(),
            caller: context.caller.into_string(),
            depth: context.depth,
            idempotency_key: context.idempotency_key.into_string(),
        };
        let metadata = metadata_from(metadata);
        Self { operation: operation.to_owned(), context, metadata, body: body.into_vec() }
    }

    /// The arguments of a plugin's `call` and `open`, after the operation's name.
    pub fn into_abi(self) -> (abi::CallContext, abi::Metadata, RVec<u8>) {
        let trace = self.context.trace.and_then(|trace| abi::TraceContext::parse(&trace));
        let context = abi::CallContext {
            call_id: self.context.call_id,
            remaining_ns: self.context.remaining_ns,
            trace: trace.unwrap_or_default(),
            caller: self.context.caller.into(),
            depth: self.context.depth,
            idempotency_key: self.context.idempotency_key.into(),
        };
        (context, metadata_into(self.metadata), self.body.into())
    }
}

impl Reply {
    /// A plugin's answer.
    pub fn from_abi(answer: RResult<abi::Reply, RBox<abi::CallError>>) -> Result<Self, Error> {
        match answer {
            RResult::ROk(reply) => {
                let metadata = metadata_from(reply.metadata);
                Ok(Self { metadata, body: reply.body.into_vec() })
            }
            RResult::RErr(error) => Err(Error::from_abi(RBox::into_inner(error))),
        }
    }

    /// The answer a plugin gets.
    pub fn into_abi(self) -> abi::Reply {
        abi::Reply { metadata: metadata_into(self.metadata), body: self.body.into() }
    }
}

impl Message {
    /// What a plugin sends.
    pub fn from_abi(message: abi::Message) -> Self {
        let metadata = metadata_from(message.metadata);
        Self { kind: message.kind, metadata, body: message.body.into_vec() }
    }

    /// What a plugin receives.
    pub fn into_abi(self) -> abi::Message {
        let metadata = metadata_into(self.metadata);
        abi::Message { kind: self.kind, metadata, body: self.body.into() }
    }
}

impl Error {
    /// A plugin's error.
    pub fn from_abi(error: abi::CallError) -> Self {
        Self {
            class: error.class,
            code: error.code.into_string(),
            message: error.message.into_string(),
            hint: error.hint.into_string(),
            retry_after_ms: error.retry_after_ms.into_option(),
            details: error.details.into_vec(),
            origin: error.origin.into_string(),
        }
    }

    /// The error a plugin gets.
    pub fn into_abi(self) -> RBox<abi::CallError> {
        RBox::new(abi::CallError {
            class: self.class,
            code: self.code.into(),
            message: self.message.into(),
            hint: self.hint.into(),
            retry_after_ms: ROption::from(self.retry_after_ms),
            details: self.details.into(),
            origin: self.origin.into(),
        })
    }
}

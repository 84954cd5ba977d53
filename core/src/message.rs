//! The host's own side of the envelopes: values that hold nothing of a plugin.

use loader_abi::{
    CallError, Field,
    abi_stable::std_types::{RBox, ROption, RString, RVec},
    class,
};
use std::{fmt, time::Duration};

/// An ordered multimap of lower-case keys and byte values.
///
/// The fields have the shape that crosses the boundary, so that sending them costs nothing; their
/// memory is the host's own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata(Vec<Field>);

impl Metadata {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry at the end. The key must be lower-case.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Vec<u8>>) -> Self {
        self.push(key, value);
        self
    }

    /// Adds an entry at the end. The key must be lower-case.
    pub fn push(&mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push(Field { key: key.into().into(), value: value.into().into() });
    }

    /// Puts an entry at the end in the place of all that are under its key. The key must be lower-case.
    pub fn set(&mut self, key: &str, value: impl Into<Vec<u8>>) {
        self.0.retain(|field| field.key != key);
        self.push(key, value);
    }

    /// The first value under a key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.iter().find(|field| field.key == key).map(|field| field.value.as_slice())
    }

    /// The first value under a key, if it is UTF-8.
    pub fn get_text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every entry in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|field| (field.key.as_str(), field.value.as_slice()))
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn from_abi(metadata: RVec<Field>) -> Self {
        // Through `String` and `Vec`, which copies what lies in a plugin's memory.
        let fields = metadata.into_iter().map(|field| Field {
            key: field.key.into_string().into(),
            value: field.value.into_vec().into(),
        });
        Self(fields.collect())
    }

    pub(crate) fn into_abi(self) -> RVec<Field> {
        self.0.into()
    }
}

impl fmt::Debug for Metadata {
    /// Keys only: values may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|field| field.key.as_str())).finish()
    }
}

/// The answer to a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// Ordered metadata.
    pub metadata: Metadata,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer with nothing in it.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A JSON answer.
    pub fn json(value: &impl serde::Serialize) -> Result<Self, Failure> {
        Ok(Self { metadata: Metadata::new(), body: to_json(value)? })
    }

    /// Reads a JSON answer; an empty one is `null`. An error is the fault of whoever answered.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        let body = if self.body.is_empty() { b"null" } else { self.body.as_slice() };
        serde_json::from_slice(body).map_err(|error| {
            let message = format!("the answer makes no sense: {error}");
            Failure::new(class::INTERNAL, "LDR-CALL-GARBLED", message)
        })
    }

    pub(crate) fn from_abi(reply: loader_abi::Reply) -> Self {
        Self { metadata: Metadata::from_abi(reply.metadata), body: reply.body.into_vec() }
    }

    pub(crate) fn into_abi(self) -> loader_abi::Reply {
        loader_abi::Reply { metadata: self.metadata.into_abi(), body: RVec::from(self.body) }
    }
}

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// See [`loader_abi::message_kind`].
    pub kind: u32,
    /// Ordered metadata.
    pub metadata: Metadata,
    /// At most [`loader_abi::MAX_BODY_BYTES`].
    pub body: Vec<u8>,
}

impl Message {
    /// The first message of an accepted stream.
    pub fn head(metadata: Metadata, body: Vec<u8>) -> Self {
        Self { kind: loader_abi::message_kind::HEAD, metadata, body }
    }

    /// Raw bytes.
    pub fn data(body: Vec<u8>) -> Self {
        Self { kind: loader_abi::message_kind::DATA, metadata: Metadata::new(), body }
    }

    /// One JSON event.
    pub fn event(value: &impl serde::Serialize) -> Result<Self, Failure> {
        let body = to_json(value)?;
        Ok(Self { kind: loader_abi::message_kind::EVENT, metadata: Metadata::new(), body })
    }

    pub(crate) fn from_abi(message: loader_abi::Message) -> Self {
        Self {
            kind: message.kind,
            metadata: Metadata::from_abi(message.metadata),
            body: message.body.into_vec(),
        }
    }

    pub(crate) fn into_abi(self) -> loader_abi::Message {
        loader_abi::Message {
            kind: self.kind,
            metadata: self.metadata.into_abi(),
            body: RVec::from(self.body),
        }
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value)
        .map_err(|error| Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string()))
}

/// Reads a JSON body; an empty one is `null`. An error is the caller's.
pub fn from_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Failure::new(
            class::INVALID,
            "LDR-CALL-REQUEST",
            format!("the request makes no sense: {error}"),
        )
    })
}

/// Why a call failed: the host's own copy of a [`CallError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// The broad class; see [`loader_abi::class`].
    pub class: u32,
    /// A stable code.
    pub code: String,
    /// One sentence without secrets.
    pub message: String,
    /// What to do about it; empty when there is nothing to say.
    pub hint: String,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
    /// A JSON object; empty when there are no details.
    pub details: Vec<u8>,
    /// Where it arose: `host`, or `plugin:<id>`.
    pub origin: String,
}

/// Text that goes into logs, where a line of its own could be taken for the host's.
fn one_line(text: String) -> String {
    let breaks = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    if text.contains(breaks) { text.replace(breaks, " ") } else { text }
}

/// Whether failures of this class are the plugin's own: internal errors, panics, passed deadlines.
pub(crate) fn is_own_fault(class: u32) -> bool {
    matches!(class, class::INTERNAL | class::PANIC | class::DEADLINE)
}

impl Failure {
    /// A failure of the host's own.
    pub fn new(class: u32, code: &str, message: impl Into<String>) -> Self {
        Self {
            class,
            code: code.to_owned(),
            message: message.into(),
            hint: String::new(),
            retry_after: None,
            details: Vec::new(),
            origin: "host".to_owned(),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Whether it tells of a defect of the plugin's: that an upstream is down or a request is wrong says
    /// nothing about the plugin.
    pub fn is_own_fault(&self) -> bool {
        is_own_fault(self.class)
    }

    /// The same as the fault of a plugin, in one of its operations.
    pub(crate) fn of_plugin(self, plugin: &str, operation: &str) -> Self {
        let message = format!("{} (`{operation}` of the plugin `{plugin}`)", self.message);
        Self { message, origin: format!("plugin:{plugin}"), ..self }
    }

    /// The deadline passed.
    pub fn deadline() -> Self {
        Self::new(class::DEADLINE, "LDR-CALL-DEADLINE", "no answer came within the deadline")
    }

    /// The caller went away.
    pub fn cancelled() -> Self {
        Self::new(class::CANCELLED, "LDR-CALL-CANCELLED", "the caller went away")
    }

    /// Nobody answers this operation.
    pub fn unimplemented(operation: &str) -> Self {
        Self::new(
            class::UNIMPLEMENTED,
            "LDR-CALL-UNIMPLEMENTED",
            format!("nobody answers `{}`", operation.escape_debug()),
        )
    }

    pub(crate) fn from_abi(error: RBox<CallError>, origin: String) -> Self {
        let error = RBox::into_inner(error);
        Self {
            class: error.class,
            code: one_line(error.code.into_string()),
            message: one_line(error.message.into_string()),
            hint: one_line(error.hint.into_string()),
            retry_after: match error.retry_after_ms {
                ROption::RSome(milliseconds) => Some(Duration::from_millis(milliseconds)),
                ROption::RNone => None,
            },
            details: error.details.into_vec(),
            origin,
        }
    }

    pub(crate) fn into_abi(self) -> RBox<CallError> {
        let milliseconds =
            self.retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        RBox::new(CallError {
            class: self.class,
            code: self.code.into(),
            message: self.message.into(),
            hint: self.hint.into(),
            retry_after_ms: milliseconds.into(),
            details: self.details.into(),
            origin: RString::from(self.origin),
        })
    }
}

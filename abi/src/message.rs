//! The envelopes: metadata, the reply of a call, a message of a stream.

use abi_stable::{
    StableAbi,
    std_types::{RString, RVec},
};

/// One metadata entry. Keys are lower-case ASCII; keys that begin with `ldr-` belong to the loader.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The lower-case key.
    pub key: RString,
    /// The value: any bytes.
    pub value: RVec<u8>,
}

/// An ordered multimap: keys may repeat and their order is kept.
pub type Metadata = RVec<Field>;

/// The answer to a call. The receiver owns it.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// Ordered metadata of the answer.
    pub metadata: Metadata,
    /// The answer: JSON for typed operations, raw bytes for HTTP and media.
    pub body: RVec<u8>,
}

/// One message of a stream. The receiver owns it.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is; see [`message_kind`]. Receivers skip kinds they do not know.
    pub kind: u32,
    /// Ordered metadata; usually empty.
    pub metadata: Metadata,
    /// At most [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES).
    pub body: RVec<u8>,
}

/// The kinds of stream messages. The set is open.
pub mod message_kind {
    /// The first message of an accepted stream, sent by the side that was opened.
    pub const HEAD: u32 = 0;
    /// Raw bytes.
    pub const DATA: u32 = 1;
    /// One JSON value of the contract's event type.
    pub const EVENT: u32 = 2;
}

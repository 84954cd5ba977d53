//! What plugins and their consumers say to each other: one file per contract.
//!
//! A contract is a name with a major version (`text-inference/1`), a set of methods, the JSON types
//! of their requests and answers, and the error codes they may use. An operation on the wire is
//! `<contract>/<method>`.
//!
//! The rules for every type here:
//!
//! * unknown fields are ignored and missing ones take their default, so fields may be added;
//! * a field is never renamed, retyped or reused within a major version;
//! * enumerations have an `Unknown` variant where the other side may be newer.
//!
//! What a plugin can fulfil, and a consumer in the gateway calls, is listed in [`catalogue`]; what is wrong
//! with what a manifest says of it, [`objection`] finds. Services
//! (the host serves, plugins call): [`service`]. Where the host has to choose among plugins, it serves
//! the contract's own name: a plugin that asks for `speech/1` without naming a capability asks the
//! host, which picks who answers. [`lifecycle`] is the conversation every plugin has with the host.

mod name;
#[cfg(feature = "schema")]
pub mod schema;

pub mod background_service;
pub mod catalogue;
pub mod channel;
pub mod chat_command;
pub mod cli_command;
pub mod health;
pub mod hook;
pub mod http_route;
pub mod lifecycle;
pub mod objection;
pub mod scheduled_task;
pub mod service;
pub mod speech;
pub mod text_inference;
pub mod tool;
pub mod web_fetch;

pub use name::{ContractName, ContractNameError};

/// Metadata of a stream's head: the media type of the bytes that its `data` messages put together. A
/// stream without it consists of events.
pub const CONTENT_TYPE: &str = "content-type";

/// Marks a type as part of a contract: serde, and a JSON Schema when the feature asks for it.
macro_rules! contract_types {
    ($($(#[$attribute:meta])* $visibility:vis $kind:ident $name:ident $body:tt)*) => {$(
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        $(#[$attribute])*
        $visibility $kind $name $body
    )*};
}
pub(crate) use contract_types;

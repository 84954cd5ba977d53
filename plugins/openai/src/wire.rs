//! The vendor's wire format, typed: what both directions share.
//!
//! Tolerant where servers differ: unknown fields are ignored, missing ones and `null` take their
//! default. [`request`] is what we say, [`answer`] and [`models`] what the server says, and
//! [`complaint`] how it says no.

pub(crate) mod answer;
pub(crate) mod complaint;
pub(crate) mod models;
pub(crate) mod request;

use loader_sdk::contract::text_inference as contract;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What a message says: one text, or parts of several kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Part {
    Text {
        text: String,
    },
    ImageUrl {
        image_url: ImageUrl,
    },
    /// A kind this build does not know. Never sent.
    #[serde(other)]
    Unknown,
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageUrl {
    pub(crate) url: String,
}

/// A tool call, or in a stream a piece of one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ToolCall {
    /// Which call of the answer a piece belongs to; only in streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) id: String,
    #[serde(rename = "type", default, skip_deserializing)]
    pub(crate) kind: ToolKind,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) function: FunctionCall,
}

/// The one kind of tool there is here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToolKind {
    #[default]
    Function,
}

/// Which function, and with what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FunctionCall {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) name: String,
    /// JSON text; some servers send the JSON itself.
    #[serde(default, deserialize_with = "text_or_json")]
    pub(crate) arguments: String,
}

impl From<contract::ToolCall> for ToolCall {
    fn from(call: contract::ToolCall) -> Self {
        let function = FunctionCall { name: call.name, arguments: call.arguments };
        Self { id: call.id, function, ..Self::default() }
    }
}

impl From<ToolCall> for contract::ToolCall {
    fn from(call: ToolCall) -> Self {
        Self { id: call.id, name: call.function.name, arguments: call.function.arguments }
    }
}

impl Content {
    /// The parts as the contract knows them; kinds it does not know are left out.
    pub(crate) fn into_parts(self) -> Vec<contract::Part> {
        match self {
            Self::Text(text) if text.is_empty() => Vec::new(),
            Self::Text(text) => vec![contract::Part::Text { text }],
            Self::Parts(parts) => parts.into_iter().filter_map(Part::into_contract).collect(),
        }
    }
}

impl Part {
    fn into_contract(self) -> Option<contract::Part> {
        match self {
            Self::Text { text } => Some(contract::Part::Text { text }),
            Self::ImageUrl { image_url } => Some(contract::Part::Image { url: image_url.url }),
            Self::Unknown => None,
        }
    }
}

/// Reads `null` as the default.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a text as itself, `null` as nothing and any other JSON as its text.
fn text_or_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

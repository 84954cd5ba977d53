//! Sound requests, to ask methods with.

mod arguments;

pub(crate) use arguments::arguments;

use loader_core::message::Metadata;
use serde::Serialize;
use serde_json::{Value, json};

/// A sound request.
pub(crate) enum Sample {
    /// The method takes none.
    Nothing,
    /// A JSON object.
    Json(Value),
    /// A body of another kind.
    Raw(Metadata, Vec<u8>),
    /// There is one, and the suite cannot make it, for this reason.
    Unmade(&'static str),
}

impl Sample {
    /// A request of a contract's type.
    pub(crate) fn of(request: &impl Serialize) -> Self {
        // Types of contracts are objects of strings, numbers and lists.
        serde_json::to_value(request).map_or(Self::Nothing, Self::Json)
    }

    /// The request as it is sent.
    pub(crate) fn parts(&self) -> (Metadata, Vec<u8>) {
        match self {
            Self::Nothing | Self::Unmade(_) => (Metadata::new(), Vec::new()),
            Self::Json(value) => (Metadata::new(), value.to_string().into_bytes()),
            Self::Raw(metadata, body) => (metadata.clone(), body.clone()),
        }
    }

    /// The same with a field that nobody knows; nothing where there are no fields.
    pub(crate) fn with_a_newer_field(&self) -> Option<Self> {
        let Self::Json(Value::Object(fields)) = self else { return None };
        let mut fields = fields.clone();
        fields.insert("x_of_a_newer_host".to_owned(), json!({ "any": ["thing", 1, null] }));
        Some(Self::Json(Value::Object(fields)))
    }
}

//! Sound requests, to ask methods with.

use loader_core::message::Metadata;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A sound request.
pub(crate) enum Sample {
    /// The method takes none.
    Nothing,
    /// A JSON object.
    Json(Value),
    /// A body of another kind.
    Raw(Metadata, Vec<u8>),
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
            Self::Nothing => (Metadata::new(), Vec::new()),
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

/// Arguments that match a tool's schema, as far as it says so simply.
pub(crate) fn arguments(schema: &Value) -> Value {
    fields(schema, schema)
}

/// An object with the fields that a schema requires.
fn fields(root: &Value, schema: &Value) -> Value {
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields = required.iter().filter_map(Value::as_str).map(|name| {
        let property = resolved(root, &schema["properties"][name]);
        (name.to_owned(), value(root, property))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

/// What a schema within a schema says, behind one reference.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

fn value(root: &Value, schema: &Value) -> Value {
    for given in [&schema["const"], &schema["default"], &schema["examples"][0], &schema["enum"][0]]
    {
        if !given.is_null() {
            return given.clone();
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("integer" | "number") => json!(schema["minimum"].as_i64().unwrap_or(1).max(1)),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => fields(root, schema),
        Some("null") => Value::Null,
        _ => {
            let least = schema["minLength"].as_u64().unwrap_or(1).clamp(1, 1024);
            json!("1".repeat(usize::try_from(least).unwrap_or(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_match_the_schema_they_are_made_for() {
        let schema = json!({
            "type": "object",
            "required": ["word", "count", "unit", "where", "all", "list"],
            "properties": {
                "word": { "type": "string", "minLength": 3 },
                "count": { "type": "integer", "minimum": 7 },
                "unit": { "$ref": "#/$defs/Unit" },
                "where": { "type": "object", "required": ["x"], "properties": { "x": { "type": "number" } } },
                "all": { "type": ["boolean", "null"] },
                "list": { "type": "array" },
                "optional": { "type": "string" },
            },
            "$defs": { "Unit": { "enum": ["m", "km"] } },
        });
        let made = arguments(&schema);
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        assert!(validator.is_valid(&made), "{made}");
        assert_eq!(made["optional"], Value::Null);
    }
}

//! Arguments for a tool, made by the schema that it describes them with.

use serde_json::{Map, Value, json};

/// How deep a schema is followed: one that refers to itself has no end.
const DEEPEST: usize = 8;

/// The most items or characters that are made because a schema wants so many.
const MOST: u64 = 1024;

/// Arguments that match a schema, if it says simply enough what they are.
pub(crate) fn arguments(schema: &Value) -> Option<Value> {
    let made = value(schema, schema, 0);
    // What is written in a format is no more made than what fits a pattern.
    let validator = jsonschema::options().should_validate_formats(true).build(schema).ok()?;
    (made.is_object() && validator.is_valid(&made)).then_some(made)
}

/// A value that a schema within a schema may mean.
fn value(root: &Value, schema: &Value, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    let schema = Value::Object(whole(root, schema, depth));
    let given = [&schema["const"], &schema["default"], &schema["examples"][0], &schema["enum"][0]];
    if let Some(given) = given.into_iter().find(|given| !given.is_null()) {
        return given.clone();
    }
    let least = |key: &str, usual: u64| {
        let least = schema[key].as_u64().unwrap_or(usual).min(MOST);
        usize::try_from(least).unwrap_or_default()
    };
    match kind(&schema) {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required
                .filter_map(Value::as_str)
                .map(|name| (name.to_owned(), value(root, &schema["properties"][name], depth + 1)));
            Value::Object(fields.collect())
        }
        "array" => {
            let item = |_| value(root, &schema["items"], depth + 1);
            (0..least("minItems", 0)).map(item).collect()
        }
        "integer" => json!(number(&schema).ceil() as i64),
        "number" => json!(number(&schema)),
        "boolean" => json!(false),
        "null" => Value::Null,
        _ => json!("1".repeat(least("minLength", 1))),
    }
}

/// What a schema says, with all that it refers to, and the first of what it leaves open.
fn whole(root: &Value, schema: &Value, depth: usize) -> Map<String, Value> {
    let mut whole = schema.as_object().cloned().unwrap_or_default();
    if depth > DEEPEST {
        return whole;
    }
    let target = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    let target = target.and_then(|pointer| root.pointer(pointer));
    let first = [&schema["oneOf"][0], &schema["anyOf"][0]];
    let every = schema["allOf"].as_array().into_iter().flatten();
    for part in target.into_iter().chain(first).chain(every) {
        for (key, said) in self::whole(root, part, depth + 1) {
            match (whole.get_mut(&key), said) {
                (Some(Value::Array(all)), Value::Array(more)) if key == "required" => {
                    all.extend(more);
                }
                (Some(Value::Object(all)), Value::Object(more)) if key == "properties" => {
                    all.extend(more);
                }
                (Some(_), _) => {}
                (None, said) => drop(whole.insert(key, said)),
            }
        }
    }
    whole
}

/// The first type that a schema names, or the one that it speaks of.
fn kind(schema: &Value) -> &str {
    let speaks_of = |key: &str| !schema[key].is_null();
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
        _ if speaks_of("properties") || speaks_of("required") => "object",
        _ if speaks_of("items") => "array",
        _ if speaks_of("minimum") || speaks_of("maximum") => "number",
        _ => "string",
    }
}

/// A number within bounds, as near to 1 as they allow.
fn number(schema: &Value) -> f64 {
    let bound = |inside: &str, outside: &str, step: f64| {
        let outside = schema[outside].as_f64().map(|bound| bound + step);
        schema[inside].as_f64().or(outside)
    };
    let least = bound("minimum", "exclusiveMinimum", 1.0).map_or(1.0, |least| least.max(1.0));
    bound("maximum", "exclusiveMaximum", -1.0).map_or(least, |most| least.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_match_the_schema_they_are_made_for() {
        let schema = json!({
            "type": "object",
            "required": ["word", "count", "few", "unit", "which", "where", "all", "list", "tree"],
            "properties": {
                "word": { "type": "string", "minLength": 3 },
                "count": { "type": "integer", "minimum": 7 },
                "few": { "type": "number", "exclusiveMaximum": 0 },
                "unit": { "$ref": "#/$defs/Unit" },
                "which": { "oneOf": [{ "const": "noun" }, { "const": "verb" }] },
                "where": {
                    "allOf": [{ "$ref": "#/$defs/Place" }, { "required": ["y"] }],
                    "required": ["x"],
                },
                "all": { "type": ["boolean", "null"] },
                "list": { "type": "array", "items": { "type": "integer" }, "minItems": 2 },
                "tree": { "$ref": "#/$defs/Tree" },
                "optional": { "type": "string" },
            },
            "$defs": {
                "Unit": { "enum": ["m", "km"] },
                "Place": {
                    "type": "object",
                    "properties": { "x": { "type": "number" }, "y": { "anyOf": [{ "type": "null" }] } },
                },
                "Tree": {
                    "type": "object",
                    "properties": { "kind": { "const": "leaf" } },
                    "required": ["kind"],
                },
            },
        });
        let made = arguments(&schema).expect("arguments");
        assert_eq!(made["where"], json!({ "x": 1.0, "y": null }));
        assert_eq!(made["optional"], Value::Null);
    }

    #[test]
    fn what_cannot_be_made_is_not_made_up() {
        let required = |schema: Value| {
            json!({
                "type": "object", "required": ["it"], "properties": { "it": schema },
                "$defs": { "Endless": {
                    "type": "object", "required": ["it"],
                    "properties": { "it": { "$ref": "#/$defs/Endless" } },
                } },
            })
        };
        for schema in [
            json!({ "type": "string", "pattern": "^[A-Z]+$" }),
            json!({ "type": "string", "format": "date" }),
            json!({ "type": "integer", "multipleOf": 60 }),
            json!({ "$ref": "#/$defs/Endless" }),
            json!({ "type": "nonsense" }),
        ] {
            assert_eq!(arguments(&required(schema.clone())), None, "{schema}");
        }
        assert_eq!(arguments(&json!({ "type": "array" })), None);
    }
}

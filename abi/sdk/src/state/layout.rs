//! A digest of what a schema says about values, without what it says to people.

use serde_json::Value;

/// FNV-1a of the schema's text. It tells mistakes apart, not enemies.
pub(super) fn digest(schema: &Value) -> String {
    let mut text = String::new();
    write(schema, Position::Schema, &mut text);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// What a value within a schema is.
#[derive(Clone, Copy)]
enum Position {
    /// A schema, or several.
    Schema,
    /// Schemas by names that authors chose.
    Names,
    /// A value that the schema speaks of.
    Data,
}

/// Keywords that say nothing about values.
const FOR_PEOPLE: [&str; 5] = ["$schema", "title", "description", "examples", "default"];

impl Position {
    /// Where the value of a key is, seen from here; nowhere when it is for people.
    fn of(self, key: &str) -> Option<Self> {
        match self {
            Self::Schema if FOR_PEOPLE.contains(&key) => None,
            Self::Schema => Some(match key {
                "properties" | "patternProperties" | "$defs" | "definitions" => Self::Names,
                "const" | "enum" => Self::Data,
                _ => Self::Schema,
            }),
            Self::Names => Some(Self::Schema),
            Self::Data => Some(Self::Data),
        }
    }
}

fn write(value: &Value, position: Position, text: &mut String) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort();
            text.push('{');
            for key in keys {
                let Some(position) = position.of(key) else { continue };
                text.push_str(key);
                text.push(':');
                write(&object[key], position, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(array) => {
            text.push('[');
            for value in array {
                write(value, position, text);
                text.push(',');
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": { "total": { "type": "integer" }, "title": true },
            "$defs": { "Name": { "type": "string" } },
        })
    }

    #[test]
    fn what_is_said_to_people_changes_nothing() {
        let mut said = schema();
        said["title"] = "Counters".into();
        said["default"] = json!({ "total": 0 });
        said["properties"]["total"]["description"] = "of all".into();
        said["properties"]["total"]["default"] = json!({ "n": 1 });
        said["$defs"]["Name"]["examples"] = json!(["me"]);
        assert_eq!(digest(&said), digest(&schema()));
    }

    #[test]
    fn what_is_said_of_values_changes_it() {
        let mut other = Vec::new();
        let mut change = |change: fn(&mut Value)| {
            let mut schema = schema();
            change(&mut schema);
            other.push(digest(&schema));
        };
        change(|_| {});
        change(|schema| schema["properties"]["total"]["type"] = "string".into());
        change(|schema| schema["properties"]["total"]["enum"] = json!([{ "title": "a" }]));
        change(|schema| schema["properties"]["total"]["enum"] = json!([{ "title": "b" }]));
        // A field may be called as an annotation is.
        change(|schema| schema["properties"]["title"] = json!({ "type": "string" }));
        change(|schema| schema["properties"]["description"] = true.into());
        change(|schema| schema["$defs"]["title"] = json!({ "type": "string" }));
        let count = other.len();
        other.sort();
        other.dedup();
        assert_eq!(other.len(), count);
    }
}

//! Which settings are secrets, by the JSON Schema they are checked with: those that are `writeOnly` or of the
//! format `password`.

use loader_core::services::secrets;
use serde_json::Value;
use std::{collections::HashSet, ptr};

/// The keys of secrets that are written out, where a reference such as `secret:irc` belongs. `is_named_so`
/// judges those by their names that the schema does not know.
pub fn plain_secrets(
    schema: Option<&Value>,
    settings: &Value,
    is_named_so: impl Fn(&str, &Value) -> bool,
) -> Vec<String> {
    let root = schema.unwrap_or(&Value::Null);
    let mut look = Look { root, is_named_so: &is_named_so, found: Vec::new() };
    look.below(&parts(root, root), settings, "");
    look.found
}

struct Look<'a> {
    root: &'a Value,
    is_named_so: &'a dyn Fn(&str, &Value) -> bool,
    found: Vec<String>,
}

impl<'a> Look<'a> {
    /// Looks at what is in a table or a list of which these parts of the schema speak.
    fn below(&mut self, known: &[&'a Value], value: &Value, key: &str) {
        match value {
            Value::Object(table) => {
                for (name, value) in table {
                    let known: Vec<_> =
                        known.iter().filter_map(|part| property(part, name)).collect();
                    let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                    self.at(&known, value, &key, name);
                }
            }
            Value::Array(items) => {
                let known: Vec<_> = known.iter().filter_map(|part| part.get("items")).collect();
                for item in items {
                    self.at(&known, item, key, "");
                }
            }
            _ => {}
        }
    }

    fn at(&mut self, known: &[&'a Value], value: &Value, key: &str, name: &str) {
        let mut seen = HashSet::new();
        let known = known.iter().flat_map(|part| parts(self.root, part));
        let known: Vec<&Value> = known.filter(|part| seen.insert(ptr::from_ref(*part))).collect();
        let is_secret = match known.is_empty() {
            true => (self.is_named_so)(name, value),
            false => {
                known.iter().any(|part| part["writeOnly"] == true || part["format"] == "password")
            }
        };
        if !is_secret {
            self.below(&known, value, key);
        } else if !is_reference(value) {
            self.found.push(key.to_owned());
        }
    }
}

fn is_reference(value: &Value) -> bool {
    value.is_string() && secrets::references(value).iter().any(|name| !name.is_empty())
}

fn property<'a>(part: &'a Value, name: &str) -> Option<&'a Value> {
    let others = || part.get("additionalProperties").filter(|others| others.is_object());
    part.get("properties").and_then(|known| known.get(name)).or_else(others)
}

/// A schema and everything it refers to or is made of.
fn parts<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let mut parts = vec![schema];
    let mut fresh = vec![schema];
    // A schema may refer to itself, and to everything from everywhere.
    let mut seen = HashSet::from([ptr::from_ref(schema)]);
    while !fresh.is_empty() {
        let below = fresh.iter().flat_map(|part| {
            let referred = part.get("$ref").and_then(Value::as_str);
            let referred = referred.and_then(|at| root.pointer(at.strip_prefix('#')?));
            let made_of = ["anyOf", "oneOf", "allOf"].into_iter();
            let made_of = made_of.filter_map(|key| part.get(key)?.as_array()).flatten();
            referred.into_iter().chain(made_of)
        });
        fresh = below.filter(|part| seen.insert(ptr::from_ref(*part))).collect();
        parts.extend(&fresh);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_that_refers_to_itself_everywhere_is_looked_at_once() {
        let again = vec![json!({ "$ref": "#" }); 10];
        let schema = json!({ "anyOf": again, "properties": { "a": { "$ref": "#" } } });
        let settings = json!({ "a": { "a": { "a": { "token": "plain" } } } });
        let found = plain_secrets(Some(&schema), &settings, |name, _| name == "token");
        assert_eq!(found, ["a.a.a.token"]);
    }

    #[test]
    fn secrets_are_found_wherever_the_schema_says_so() {
        let schema = json!({
            "$defs": { "Secret": { "type": "string", "writeOnly": true },
                       "Login": { "properties": { "word": { "$ref": "#/$defs/Secret" } } } },
            "properties": {
                "nick": {},
                "password": { "anyOf": [{ "$ref": "#/$defs/Secret" }, { "type": "null" }] },
                "login": { "$ref": "#/$defs/Login" },
                "servers": { "items": { "$ref": "#/$defs/Login" } },
                "pin": { "type": "string", "format": "password" },
                "loop": { "$ref": "#/properties/loop" },
                "token_kind": {},
            },
        });
        let plain =
            |settings: Value| plain_secrets(Some(&schema), &settings, |name, _| name == "key");
        assert_eq!(
            plain(json!({
                "nick": "x", "password": "x", "login": { "word": "x" }, "loop": {},
                "servers": [{ "word": "secret:a" }, { "word": "x" }], "pin": 1, "token_kind": "x",
                "key": "x",
            })),
            ["key", "login.word", "password", "pin", "servers.word"]
        );
        let referred = json!({ "password": "secret:irc", "login": { "word": "secret:w" } });
        assert_eq!(plain(referred), Vec::<String>::new());
        assert_eq!(plain(json!({ "password": "secret:" })), ["password"]);
    }

    #[test]
    fn without_a_schema_names_tell() {
        let settings = json!({ "a": { "token": "x" }, "nick": "x" });
        assert_eq!(plain_secrets(None, &settings, |name, _| name == "token"), ["a.token"]);
    }
}

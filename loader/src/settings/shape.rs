//! What each setting may be, read from the JSON Schema of the configuration.
//!
//! Only the parts of JSON Schema that the configuration's own types produce are understood; a test
//! holds the two together.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Anything at all: a setting that a plugin's own schema describes.
    Anything,
    Boolean,
    Integer {
        minimum: i64,
        maximum: i64,
    },
    Text(TextShape),
    List(Box<Shape>),
    Table(TableShape),
}

/// What a string may be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TextShape {
    /// The words it may be; empty means any text.
    pub(crate) choices: Vec<String>,
    /// The form it has.
    pub(crate) format: Option<Format>,
    /// Whether it is a secret.
    pub(crate) is_secret: bool,
}

/// The form of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Path,
    /// A path, or the `http(s)://` address of a file.
    PathOrUrl,
    SocketAddress,
    ModelName,
    Sha256,
    MinisignKey,
}

/// What a table may hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TableShape {
    /// The keys with a meaning of their own.
    pub(crate) fields: BTreeMap<String, Field>,
    /// What every other key may hold; `None` means that there are no other keys.
    pub(crate) rest: Option<Box<Shape>>,
    /// Whether exactly one of the keys must be set.
    pub(crate) exactly_one: bool,
}

/// One key with a meaning of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) shape: Shape,
    /// What it is when nobody sets it.
    pub(crate) default: Option<Value>,
    /// Whether only trusted layers may set it.
    pub(crate) trusted_only: bool,
}

impl TableShape {
    /// The shape of the whole configuration.
    pub(crate) fn of_config() -> Self {
        let schema = loader_gateway::config::schema();
        Reader { definitions: &schema["$defs"] }.read_table(&schema)
    }

    /// A table that may hold anything.
    pub(crate) fn anything() -> Self {
        Self { rest: Some(Box::new(Shape::Anything)), ..Self::default() }
    }

    /// What `name` may be in this table; `None` when there is no such key.
    pub(crate) fn member(&self, name: &str) -> Option<&Shape> {
        self.fields.get(name).map(|field| &field.shape).or(self.rest.as_deref())
    }
}

impl Shape {
    /// The shape in words, with its article, as messages say it.
    pub(crate) fn wanted(&self) -> String {
        match self {
            Shape::Anything => "any value".to_owned(),
            Shape::Boolean => "a boolean".to_owned(),
            Shape::Integer { .. } => "an integer".to_owned(),
            Shape::Text(TextShape { choices, .. }) if !choices.is_empty() => {
                let choices: Vec<_> = choices.iter().map(|each| format!("`{each}`")).collect();
                choices.join(" or ")
            }
            Shape::Text(TextShape { format: Some(Format::Path), .. }) => "a path".to_owned(),
            Shape::Text(TextShape { format: Some(Format::PathOrUrl), .. }) => {
                "a path or an address such as `https://example.org/index.toml`".to_owned()
            }
            Shape::Text(TextShape { format: Some(Format::SocketAddress), .. }) => {
                "an address such as `127.0.0.1:7280`".to_owned()
            }
            Shape::Text(TextShape { format: Some(Format::ModelName), .. }) => {
                "a model name such as `echo/echo`".to_owned()
            }
            Shape::Text(TextShape { format: Some(Format::Sha256), .. }) => {
                "a SHA-256 digest of 64 hexadecimal digits".to_owned()
            }
            Shape::Text(TextShape { format: Some(Format::MinisignKey), .. }) => {
                "a minisign public key".to_owned()
            }
            Shape::Text(_) => "a string".to_owned(),
            Shape::List(_) => "a list".to_owned(),
            Shape::Table(_) => "a table".to_owned(),
        }
    }
}

/// Reads shapes from a schema whose references lead into `definitions`.
struct Reader<'a> {
    definitions: &'a Value,
}

impl Reader<'_> {
    fn read(&self, schema: &Value) -> Shape {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.trim_start_matches("#/$defs/");
            return self.read(&self.definitions[name]);
        }
        if let Some(options) = schema["oneOf"].as_array() {
            let choices =
                options.iter().filter_map(|each| each["const"].as_str().map(str::to_owned));
            return Shape::Text(TextShape { choices: choices.collect(), ..TextShape::default() });
        }
        match type_of(schema) {
            Some("boolean") => Shape::Boolean,
            Some("integer") => Shape::Integer {
                minimum: schema["minimum"].as_i64().unwrap_or(i64::MIN),
                maximum: schema["maximum"].as_i64().unwrap_or(match schema["format"].as_str() {
                    Some("uint32") => i64::from(u32::MAX),
                    _ => i64::MAX,
                }),
            },
            Some("string") => Shape::Text(TextShape {
                choices: Vec::new(),
                format: match schema["format"].as_str() {
                    Some("path") => Some(Format::Path),
                    Some("path-or-url") => Some(Format::PathOrUrl),
                    Some("socket-address") => Some(Format::SocketAddress),
                    Some("model-name") => Some(Format::ModelName),
                    Some("sha256") => Some(Format::Sha256),
                    Some("minisign-key") => Some(Format::MinisignKey),
                    _ => None,
                },
                is_secret: schema["writeOnly"] == true,
            }),
            Some("array") => Shape::List(Box::new(self.read(&schema["items"]))),
            Some("object") => Shape::Table(self.read_table(schema)),
            _ => Shape::Anything,
        }
    }

    fn read_table(&self, schema: &Value) -> TableShape {
        let fields = schema["properties"].as_object().into_iter().flatten().map(|(name, field)| {
            let field = Field {
                shape: self.read(field),
                default: field.get("default").cloned(),
                trusted_only: field["x-loader-trusted"] == true,
            };
            (name.clone(), field)
        });
        TableShape {
            fields: fields.collect(),
            rest: match &schema["additionalProperties"] {
                Value::Null | Value::Bool(false) => None,
                rest => Some(Box::new(self.read(rest))),
            },
            exactly_one: schema["minProperties"] == 1 && schema["maxProperties"] == 1,
        }
    }
}

/// The type a schema names. An optional setting names null too, which TOML cannot write.
fn type_of(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(name) => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

//! The merged configuration as the program will use it: variables expanded, paths absolute, strings
//! checked for their form.
//!
//! Only values that won are looked at, so a variable that is not set matters only where it is used.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use loader_core::digest::Digest;
use loader_core::package::Address;
use serde_json::Value as Json;

use super::Environment;
use super::interpolate::{Broken, interpolate};
use super::key::Key;
use super::node::{Node, Table, Value};
use super::origin::Origin;
use super::problem::{Problem, code};
use super::shape::{Format, Shape, TableShape, TextShape};
use super::text::quote;

/// Makes values ready for use.
pub(crate) struct Effective<'a> {
    /// The variables that `${VAR}` may name.
    pub(crate) environment: &'a Environment,
    /// What relative paths that no file says are relative to.
    pub(crate) working_directory: &'a Path,
    /// What was found.
    pub(crate) problems: &'a mut Vec<Problem>,
}

impl Effective<'_> {
    /// The table ready for use. A value with a problem is left out.
    pub(crate) fn table(&mut self, table: &Table, shape: &TableShape, key: &Key) -> Json {
        let mut entries = serde_json::Map::new();
        for (name, node) in table {
            // Checked layers have no keys without a shape.
            let shape = shape.member(name).unwrap_or(&Shape::Anything);
            if let Some(value) = self.node(node, shape, &key.child(name)) {
                entries.insert(name.clone(), value);
            }
        }
        Json::Object(entries)
    }

    fn node(&mut self, node: &Node, shape: &Shape, key: &Key) -> Option<Json> {
        Some(match (&node.value, shape) {
            (Value::Boolean(boolean), _) => Json::from(*boolean),
            (Value::Integer(integer), _) => Json::from(*integer),
            (Value::Float(float), _) => Json::from(*float),
            (Value::Datetime(moment), _) => Json::from(moment.clone()),
            (Value::Text(raw), Shape::Text(shape)) => {
                Json::from(self.text(raw, shape, &node.origin, key)?)
            }
            (Value::Text(raw), _) => Json::from(self.expand(raw, &node.origin, key)?),
            (Value::List(items), shape) => {
                let shape = if let Shape::List(item) = shape { item } else { &Shape::Anything };
                let items = items.iter().enumerate();
                items
                    .filter_map(|(position, each)| self.node(each, shape, &key.item(position)))
                    .collect()
            }
            (Value::Table(table), Shape::Table(shape)) => {
                if shape.exactly_one && table.len() != 1 {
                    self.report_not_one(table, shape, node, key);
                }
                self.table(table, shape, key)
            }
            (Value::Table(table), _) => self.table(table, &TableShape::anything(), key),
        })
    }

    fn text(&mut self, raw: &str, shape: &TextShape, origin: &Origin, key: &Key) -> Option<String> {
        let text = self.expand(raw, origin, key)?;
        let fits = match shape.format {
            Some(Format::Path) => return self.path(&text, origin, key),
            Some(Format::PathOrUrl) if !text.contains("://") => {
                return self.path(&text, origin, key);
            }
            Some(Format::PathOrUrl) => text.parse::<Address>().is_ok(),
            Some(Format::SocketAddress) => text.parse::<SocketAddr>().is_ok(),
            Some(Format::ModelName) => is_model_name(&text),
            Some(Format::Sha256) => text.parse::<Digest>().is_ok(),
            Some(Format::MinisignKey) => is_minisign_key(&text),
            None => shape.choices.is_empty() || shape.choices.contains(&text),
        };
        if fits {
            return Some(text);
        }
        // What a variable holds is not repeated: it may be a secret in the wrong place.
        let expanded = if raw == text { "" } else { " with its variables expanded" };
        let wanted = Shape::Text(shape.clone()).wanted();
        self.problems.push(
            Problem::error(
                code::VALUE,
                format!("`{key}` is {}{expanded}, but {wanted} is wanted", quote(raw)),
            )
            .at(origin)
            .hint(match shape.format {
                Some(Format::SocketAddress) => {
                    "write `IP:PORT` or `[IPv6]:PORT` with numbers; port 0 takes any free port"
                }
                Some(Format::ModelName) => "write `<provider>/<model>`",
                Some(Format::PathOrUrl) => "write a path, or `https://HOST/FILE`",
                Some(Format::Sha256) => "`sha256sum FILE` prints it; its letters are lower-case",
                Some(Format::MinisignKey) => {
                    "copy the second line of the publisher's `minisign.pub`; it begins with `RW`"
                }
                _ => "`loader config schema` says what each key may be",
            }),
        );
        None
    }

    /// An absolute path. A file's relative paths start at the file, so that what it means does not
    /// depend on where the program was started.
    fn path(&mut self, text: &str, origin: &Origin, key: &Key) -> Option<String> {
        if text.is_empty() {
            self.problems.push(
                Problem::error(code::VALUE, format!("`{key}` is empty, but a path is wanted"))
                    .at(origin)
                    .hint("remove the key to leave it unset"),
            );
            return None;
        }
        if let Some(below_home) = text.strip_prefix("~/") {
            let home = self.expand("${HOME}", origin, key)?;
            return Some(format!("{home}/{below_home}"));
        }
        let folder = origin.file.as_deref().and_then(Path::parent);
        let path = folder.unwrap_or(self.working_directory).join(text);
        let absolute = path.to_str().map(str::to_owned);
        if absolute.is_none() {
            self.problems.push(
                Problem::error(
                    code::VALUE,
                    format!("`{key}` is relative to a folder whose name is not UTF-8"),
                )
                .at(origin)
                .hint("write an absolute path"),
            );
        }
        absolute
    }

    fn expand(&mut self, raw: &str, origin: &Origin, key: &Key) -> Option<String> {
        let broken = match interpolate(raw, self.environment) {
            Ok(expanded) => return Some(expanded),
            Err(broken) => broken,
        };
        for broken in broken {
            let (what, hint) = match broken {
                Broken::Unset(name) => (
                    format!("names the environment variable `{name}`, which is not set"),
                    format!("set it (`export {name}=…`), or write `$${{{name}}}` to mean the text"),
                ),
                Broken::NotText(name) => (
                    format!("names the environment variable `{name}`, which does not hold UTF-8"),
                    format!("set `{name}` to text"),
                ),
                Broken::Malformed => (
                    "has a `${` that no name and `}` follow".to_owned(),
                    "write `${NAME}` with letters, digits and `_`, or `$${` to mean the text `${`"
                        .to_owned(),
                ),
            };
            self.problems.push(
                Problem::error(code::REFERENCE, format!("`{key}` {what}")).at(origin).hint(hint),
            );
        }
        None
    }

    fn report_not_one(&mut self, table: &Table, shape: &TableShape, node: &Node, key: &Key) {
        let list = |names: &mut dyn Iterator<Item = &String>, word: &str| {
            names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(word)
        };
        let wanted = list(&mut shape.fields.keys(), ", ");
        let found = match table.len() {
            0 => "none".to_owned(),
            _ => list(&mut table.keys(), " and "),
        };
        self.problems.push(
            Problem::error(
                code::VALUE,
                format!("`{key}` has {found} of {wanted}, but exactly one is wanted"),
            )
            .at(&node.origin)
            .hint(match table.len() {
                0 => format!("for example, `{key}.env = \"NAME_OF_A_VARIABLE\"`"),
                _ => "keep one of them and remove the others".to_owned(),
            }),
        );
    }
}

/// Whether a text is `<provider>/<model>`. A model's own name may have slashes too.
fn is_model_name(text: &str) -> bool {
    text.split_once('/').is_some_and(|(provider, model)| {
        !provider.is_empty() && !model.is_empty() && !text.contains(char::is_whitespace)
    })
}

/// Whether a text is a minisign public key: in base64, the algorithm, the key's id, the key.
fn is_minisign_key(text: &str) -> bool {
    let bytes = STANDARD.decode(text);
    bytes.is_ok_and(|bytes| bytes.len() == 2 + 8 + 32 && bytes.starts_with(b"Ed"))
}

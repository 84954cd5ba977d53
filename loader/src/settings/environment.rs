//! Settings in environment variables: `LOADER__GATEWAY__LISTEN=127.0.0.1:0`.
//!
//! Two underscores separate the names of a key. The environment writes in capitals and cannot write
//! a hyphen, so a name means the known key, or the key a file has set, that differs from it in
//! nothing else; otherwise it is taken in lower case.

use super::Environment;
use super::document;
use super::key::Key;
use super::node::{Table, Value};
use super::origin::Origin;
use super::problem::{Problem, code};
use super::shape::{Shape, TableShape};

/// How the variables that are settings begin.
const PREFIX: &str = "LOADER__";

/// How many names a key may have. Nothing in the configuration is nearly as deep.
const DEEPEST: usize = 32;

/// One variable that is a setting.
pub(crate) struct Variable {
    pub(crate) origin: Origin,
    names: Vec<String>,
    text: String,
}

/// The variables that are settings, in the order of their names.
pub(crate) fn variables(environment: &Environment, problems: &mut Vec<Problem>) -> Vec<Variable> {
    let mut variables = Vec::new();
    for (name, text) in environment {
        let name = name.to_string_lossy();
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        let origin = Origin::of_variable(&name);
        let names: Vec<String> = key.split("__").map(str::to_owned).collect();
        if names.iter().any(String::is_empty) || names.len() > DEEPEST {
            problems.push(
                Problem::warning(code::NAME, "the variable does not name a setting")
                    .at(&origin)
                    .hint("write it like `LOADER__GATEWAY__LISTEN`, two underscores between names"),
            );
            continue;
        }
        match text.to_str() {
            Some(text) => variables.push(Variable { origin, names, text: text.to_owned() }),
            None => problems.push(
                Problem::error(code::VALUE, "the value of the variable is not UTF-8")
                    .at(&origin)
                    .hint(format!("set `{name}` to text, or unset it")),
            ),
        }
    }
    variables
}

impl Variable {
    /// The key the variable means, given what the layers below have set.
    pub(crate) fn key(&self, config: &TableShape, below: &Table) -> Key {
        let mut shape = Some(config);
        let mut table = Some(below);
        let mut names = Vec::new();
        for written in &self.names {
            let known = shape.into_iter().flat_map(|shape| shape.fields.keys());
            let set = table.into_iter().flat_map(|table| table.keys());
            let name = known
                .chain(set)
                .find(|name| fold(name) == fold(written))
                .cloned()
                .unwrap_or_else(|| written.to_lowercase());
            shape = match shape.and_then(|shape| shape.member(&name)) {
                Some(Shape::Table(inner)) => Some(inner),
                _ => None,
            };
            table = match table.and_then(|table| table.get(&name)).map(|node| &node.value) {
                Some(Value::Table(inner)) => Some(inner),
                _ => None,
            };
            names.push(name);
        }
        names.into_iter().collect()
    }

    /// The value the variable holds. Where text is wanted it is the text as it stands, whatever it
    /// looks like, unless it is a string in quotes; elsewhere it is a TOML scalar or list if it reads
    /// as one, and text otherwise.
    pub(crate) fn value(&self, key: &Key, config: &TableShape) -> Value {
        let text = || Value::Text(self.text.clone());
        let parsed = document::read_value(&self.text, &self.origin);
        match (parsed, shape_of(key, config)) {
            (Some(string @ Value::Text(_)), _) => string,
            (_, Some(Shape::Text(_))) | (None | Some(Value::Table(_)), _) => text(),
            (Some(value), _) => value,
        }
    }
}

/// The shape of one key of the configuration; `None` when there is no such key.
fn shape_of<'a>(key: &Key, config: &'a TableShape) -> Option<&'a Shape> {
    let (last, parents) = key.names().split_last()?;
    let mut table = config;
    for name in parents {
        match table.member(name)? {
            Shape::Table(inner) => table = inner,
            _ => return None,
        }
    }
    table.member(last)
}

/// A name without what the environment cannot write.
fn fold(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

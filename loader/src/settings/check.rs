//! Checks what one layer says against the shape of the configuration: unknown keys, wrong types,
//! and keys that this layer has no right to set.
//!
//! What fails a check is reported and left out, so that one mistake is reported once and everything
//! after it is still checked.

use std::path::Path;

use super::correction::correct;
use super::key::Key;
use super::node::{Node, Table, Value};
use super::origin::Layer;
use super::problem::{Problem, code};
use super::shape::{Field, Shape, TableShape};
use super::text::write_value;

/// Checks layers, one after the other.
pub(crate) struct Checker<'a> {
    /// The shape of the whole configuration.
    pub(crate) config: &'a TableShape,
    /// The user's own configuration file, where untrusted settings belong.
    pub(crate) user_file: Option<&'a Path>,
    /// What was found.
    pub(crate) problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    /// The part of a layer that stands.
    pub(crate) fn check(&mut self, layer: Table) -> Table {
        self.table(layer, self.config, &Key::default())
    }

    fn table(&mut self, table: Table, shape: &TableShape, key: &Key) -> Table {
        let mut kept = Table::new();
        for (name, node) in table {
            let key = key.child(&name);
            let field = shape.fields.get(&name);
            if field.is_some_and(|field| field.trusted_only) && !node.origin.layer.is_trusted() {
                self.report_untrusted(&key, &node);
            } else if let Some(member) = shape.member(&name) {
                if let Some(node) = self.node(node, member, field, &key) {
                    kept.insert(name, node);
                }
            } else {
                self.report_unknown(&key, &node, shape);
            }
        }
        kept
    }

    fn node(
        &mut self,
        node: Node,
        shape: &Shape,
        field: Option<&Field>,
        key: &Key,
    ) -> Option<Node> {
        let Node { named_at, origin, value } = node;
        let value = match (shape, value) {
            (Shape::Table(shape), Value::Table(table)) => {
                Value::Table(self.table(table, shape, key))
            }
            (Shape::List(item), Value::List(items)) => {
                let items = items.into_iter().enumerate();
                let check = |(position, each)| self.node(each, item, None, &key.item(position));
                Value::List(items.filter_map(check).collect())
            }
            (Shape::Integer { minimum, maximum }, Value::Integer(integer))
                if !(*minimum..=*maximum).contains(&integer) =>
            {
                let bound = if integer < *minimum {
                    format!("at least {minimum}")
                } else {
                    format!("at most {maximum}")
                };
                self.problems.push(
                    Problem::error(
                        code::VALUE,
                        format!("`{key}` is {integer}, but {bound} is wanted"),
                    )
                    .at(&origin)
                    .hint(example(key, field)),
                );
                return None;
            }
            (Shape::Anything, value)
            | (Shape::Boolean, value @ Value::Boolean(_))
            | (Shape::Integer { .. }, value @ Value::Integer(_))
            | (Shape::Text(_), value @ Value::Text(_)) => value,
            (shape, value) => {
                self.problems.push(
                    Problem::error(
                        code::TYPE,
                        format!("`{key}` is {}, but {} is wanted", value.kind(), shape.wanted()),
                    )
                    .at(&origin)
                    .hint(mend(&value, shape).unwrap_or_else(|| example(key, field))),
                );
                return None;
            }
        };
        Some(Node { named_at, origin, value })
    }

    fn report_untrusted(&mut self, key: &Key, node: &Node) {
        let (from, why) = match node.origin.layer {
            Layer::Environment => ("the environment", "variables are inherited from anywhere"),
            _ => (
                "a project's file",
                "whoever wrote the folder is not to say what the gateway trusts",
            ),
        };
        let home = match self.user_file {
            Some(file) => format!("`{}`", file.display()),
            None => "the user's or the system's `loader.toml`".to_owned(),
        };
        let named = match &node.origin.file {
            Some(file) => {
                format!(", or trust this file as a whole with `--config {}`", file.display())
            }
            None => String::new(),
        };
        self.problems.push(
            Problem::warning(
                code::UNTRUSTED,
                format!("`{key}` is ignored: it is not honoured from {from}, because {why}"),
            )
            .at(&node.named_at)
            .hint(format!("put it in {home}{named}")),
        );
    }

    fn report_unknown(&mut self, key: &Key, node: &Node, siblings: &TableShape) {
        // When the name of a section is misspelt, each of its settings is named as it was meant.
        let unknown = match correct(key, self.config) {
            Some(_) => node.leaves(key.clone()),
            None => vec![(key.clone(), node)],
        };
        let known: Vec<_> = siblings.fields.keys().map(|name| format!("`{name}`")).collect();
        let known = match unknown.as_slice() {
            [(only, _)] if only == key => {
                format!(": the keys known there are {}", known.join(", "))
            }
            _ => ": `loader config schema` lists the keys there are".to_owned(),
        };
        for (key, node) in unknown {
            let (message, hint) = match correct(&key, self.config) {
                Some(known) => (
                    format!("unknown key `{key}`; did you mean `{known}`?"),
                    format!("it is ignored: rename it to `{known}`"),
                ),
                None => (format!("unknown key `{key}`"), format!("it is ignored{known}")),
            };
            self.problems
                .push(Problem::warning(code::UNKNOWN_KEY, message).at(&node.named_at).hint(hint));
        }
    }
}

/// How to turn a value of the wrong type into the right one, when it is a matter of punctuation.
fn mend(value: &Value, shape: &Shape) -> Option<String> {
    match (value, shape) {
        (Value::Text(text), Shape::Boolean) if text.parse::<bool>().is_ok() => {
            Some("remove the quotes".to_owned())
        }
        (Value::Text(text), Shape::Integer { .. }) if text.parse::<i64>().is_ok() => {
            Some("remove the quotes".to_owned())
        }
        (Value::Table(_) | Value::List(_), _) => None,
        (_, Shape::Text(text)) if text.choices.is_empty() => {
            Some("put the value in quotes".to_owned())
        }
        (_, Shape::List(_)) => Some("put the value in square brackets".to_owned()),
        _ => None,
    }
}

/// The setting as it would be written, with the value it has when nobody sets it.
fn example(key: &Key, field: Option<&Field>) -> String {
    match field.and_then(|field| field.default.as_ref()) {
        Some(default) => format!("for example, `{key} = {}`", write_value(default)),
        None => "`loader config schema` says what each key may be".to_owned(),
    }
}

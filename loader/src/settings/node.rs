//! Configuration before it has a type: values that remember where they were written.

use std::collections::BTreeMap;

use super::key::Key;
use super::origin::Origin;
use super::shape::{Shape, TableShape};

/// The entries of a table by name.
pub(crate) type Table = BTreeMap<String, Node>;

/// A value and the places where it and its name were written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where the name stands.
    pub(crate) named_at: Origin,
    /// Where the value stands.
    pub(crate) origin: Origin,
    /// The value, with every `${VAR}` as it was written.
    pub(crate) value: Value,
}

/// What a layer of configuration can say.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// A date, a time or both, as TOML writes it.
    Datetime(String),
    List(Vec<Node>),
    Table(Table),
}

impl Value {
    /// The type of the value, with its article, as messages say it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Boolean(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Text(_) => "a string",
            Value::Datetime(_) => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The settings below this node with their keys, `key` being the node's own. A table with
    /// nothing in it counts as a setting.
    pub(crate) fn leaves(&self, key: Key) -> Vec<(Key, &Node)> {
        match &self.value {
            Value::Table(entries) if !entries.is_empty() => {
                entries.iter().flat_map(|(name, node)| node.leaves(key.child(name))).collect()
            }
            _ => vec![(key, self)],
        }
    }
}

/// A table that holds one value at `key` and nothing else. `key` has at least one name.
pub(crate) fn single(key: &Key, origin: &Origin, value: Value) -> Table {
    let mut node = Node { named_at: origin.clone(), origin: origin.clone(), value };
    let mut names = key.names().iter().rev().peekable();
    while let Some(name) = names.next() {
        let table = Table::from([(name.clone(), node)]);
        if names.peek().is_none() {
            return table;
        }
        node =
            Node { named_at: origin.clone(), origin: origin.clone(), value: Value::Table(table) };
    }
    Table::new()
}

/// Lays one table over another. Tables are merged key by key; every other value, and every table
/// that may hold only one of its keys, replaces what was there.
pub(crate) fn overlay(base: &mut Table, over: Table, shape: &TableShape) {
    for (name, node) in over {
        match (base.get_mut(&name), node) {
            (
                Some(Node { value: Value::Table(below), named_at, origin }),
                Node { value: Value::Table(above), named_at: above_named_at, origin: above_origin },
            ) => match shape.member(&name) {
                Some(Shape::Table(inner)) if inner.exactly_one => {
                    *below = above;
                    (*named_at, *origin) = (above_named_at, above_origin);
                }
                Some(Shape::Table(inner)) => overlay(below, above, inner),
                _ => overlay(below, above, &TableShape::anything()),
            },
            (_, node) => {
                base.insert(name, node);
            }
        }
    }
}

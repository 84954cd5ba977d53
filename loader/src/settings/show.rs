//! What `config show` says: every setting, its value as it was written, and where it came from.
//!
//! Secrets are never among the values: a `${VAR}` is shown as it was written, and whatever is, or by
//! its name could be, a secret is shown as `"<set>"`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::key::Key;
use super::node::{Node, Table, Value};
use super::origin::{Layer, Origin};
use super::sensitive::{holds_credentials, is_secret};
use super::shape::{Shape, TableShape};
use super::text::write_value;

/// What is shown in place of a secret.
const HIDDEN: &str = "<set>";

/// The width from which on the origins are no longer aligned.
const WIDEST: usize = 60;

/// A value as it may be shown, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// The value as it was written, never a secret.
    pub(crate) shown: Json,
    /// Where the value came from.
    pub(crate) origin: Origin,
}

/// Every setting in effect by its dotted key: those that a layer set, and the defaults of the rest.
pub(crate) fn collect(
    effective: &Json,
    merged: &Table,
    config: &TableShape,
) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    let root = Scope { key: Key::default(), shape: &Shape::Anything, is_hidden: false };
    collect_entries(effective, Some(merged), &root, Some(config), &mut settings);
    settings
}

/// One line of text for each setting: `key = value   # origin`.
pub(crate) fn write_text(settings: &BTreeMap<String, Setting>) -> String {
    let lines: Vec<_> = settings
        .iter()
        .map(|(key, setting)| (format!("{key} = {}", write_value(&setting.shown)), &setting.origin))
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= WIDEST);
    let width = width.max().unwrap_or(0);
    lines.iter().map(|(line, origin)| format!("{line:<width$}   # {origin}\n")).collect()
}

/// An object with a value and an origin for each setting, by dotted key.
pub(crate) fn write_json(settings: &BTreeMap<String, Setting>) -> Json {
    settings
        .iter()
        .map(|(key, setting)| {
            (key.clone(), json!({ "value": setting.shown, "origin": setting.origin }))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Where in the configuration a value stands.
struct Scope<'a> {
    key: Key,
    shape: &'a Shape,
    /// Whether the value is inside of a secret.
    is_hidden: bool,
}

fn collect_entries(
    effective: &Json,
    merged: Option<&Table>,
    scope: &Scope<'_>,
    shape: Option<&TableShape>,
    settings: &mut BTreeMap<String, Setting>,
) {
    for (name, value) in effective.as_object().into_iter().flatten() {
        let shape = shape.and_then(|shape| shape.member(name)).unwrap_or(&Shape::Anything);
        let is_hidden = scope.is_hidden
            || match shape {
                Shape::Anything => is_secret(name, value),
                Shape::Text(text) => text.is_secret,
                _ => false,
            };
        let scope = Scope { key: scope.key.child(name), shape, is_hidden };
        collect_value(value, merged.and_then(|merged| merged.get(name)), &scope, settings);
    }
}

fn collect_value(
    effective: &Json,
    merged: Option<&Node>,
    scope: &Scope<'_>,
    settings: &mut BTreeMap<String, Setting>,
) {
    match (effective, merged) {
        (Json::Object(entries), merged) if !entries.is_empty() => {
            let below = match merged.map(|node| &node.value) {
                Some(Value::Table(table)) => Some(table),
                _ => None,
            };
            let shape = if let Shape::Table(shape) = scope.shape { Some(shape) } else { None };
            collect_entries(effective, below, scope, shape, settings);
        }
        (Json::Object(_), None) => {}
        (_, Some(node)) => {
            let shown = show(node, scope.is_hidden);
            let setting = Setting { shown, origin: node.origin.clone() };
            settings.insert(scope.key.to_string(), setting);
        }
        (default, None) => {
            let origin = Origin::of_layer(Layer::Default);
            settings.insert(scope.key.to_string(), Setting { shown: default.clone(), origin });
        }
    }
}

/// A value as it was written, without its secrets.
fn show(node: &Node, is_hidden: bool) -> Json {
    match &node.value {
        Value::Text(text) if is_hidden || holds_credentials(text) => Json::from(HIDDEN),
        Value::Text(text) | Value::Datetime(text) if !is_hidden => Json::from(text.clone()),
        Value::Boolean(boolean) if !is_hidden => Json::from(*boolean),
        Value::Integer(integer) if !is_hidden => Json::from(*integer),
        Value::Float(float) if !is_hidden => Json::from(*float),
        Value::List(items) if !is_hidden => items.iter().map(|each| show(each, false)).collect(),
        Value::Table(table) if !is_hidden => {
            let entries = table.iter().map(|(name, node)| {
                let shown = show(node, false);
                let shown = if is_secret(name, &shown) { Json::from(HIDDEN) } else { shown };
                (name.clone(), shown)
            });
            Json::Object(entries.collect())
        }
        _ => Json::from(HIDDEN),
    }
}

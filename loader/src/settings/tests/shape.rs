//! Every construct of the configuration's schema is understood by the checks.

use crate::settings::shape::{Shape, TableShape};

/// The keys that may hold anything.
fn open(shape: &Shape, key: String, found: &mut Vec<String>) {
    match shape {
        Shape::Anything => found.push(key),
        Shape::List(item) => open(item, key + "[]", found),
        Shape::Table(table) => open_in(table, &key, found),
        Shape::Boolean | Shape::Integer { .. } | Shape::Text(_) => {}
    }
}

fn open_in(table: &TableShape, key: &str, found: &mut Vec<String>) {
    for (name, field) in &table.fields {
        open(&field.shape, format!("{key}.{name}"), found);
    }
    if let Some(rest) = &table.rest {
        open(rest, format!("{key}.*"), found);
    }
}

#[test]
fn only_a_plugins_own_settings_may_be_anything() {
    let mut found = Vec::new();
    open_in(&TableShape::of_config(), "", &mut found);
    assert_eq!(found, [".channels.*.accounts.*.*", ".plugins.entries.*.config.*"]);
}

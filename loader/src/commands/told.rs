//! What the running gateway tells, in the words and cells of a terminal.

use serde_json::Value;

use crate::output::{harmless, table};

/// A table after an empty line; nothing without rows.
pub(super) fn section<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() { String::new() } else { format!("\n{}", table(heading, rows)) }
}

/// The elements of a list; of anything else, none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// One cell: what the gateway says, on one line and without power over the terminal.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => harmless(text).replace('\n', " "),
        other => other.to_string(),
    }
}

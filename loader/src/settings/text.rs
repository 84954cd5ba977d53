//! Values as one line of TOML, safe to print on a terminal.

use std::fmt::Write;

use serde_json::Value;

use super::key::write_name;

/// A value as it stands right of the equals sign.
pub(crate) fn write_value(value: &Value) -> String {
    match value {
        // TOML has no null, and no setting is ever one.
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(write_value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(name, value)| format!("{} = {}", write_name(name), write_value(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A string in quotes. Control characters are escaped, so that no configuration file can move the
/// cursor of whoever reads a message about it.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for each in text.chars() {
        match each {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            each if is_unprintable(each) => {
                write!(quoted, "\\u{:04X}", u32::from(each)).expect("writing to a string");
            }
            each => quoted.push(each),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a character does something to a terminal instead of showing something: controls, and the
/// marks that turn the direction of the text around them.
pub(crate) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

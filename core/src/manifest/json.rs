//! TOML values as JSON values, for attributes that belong to a contract's consumer.

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A TOML value that JSON cannot say, and the byte offset where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotJson(pub(super) usize);

/// Dates become strings. Numbers that are not finite, or do not fit 64 bits, are refused.
pub(super) fn convert(value: &Spanned<DeValue<'_>>) -> Result<Value, NotJson> {
    let refused = || NotJson(value.span().start);
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => Value::from(
            i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| refused())?,
        ),
        DeValue::Float(number) => {
            let number = number.as_str().parse().ok().and_then(Number::from_f64);
            Value::Number(number.ok_or_else(refused)?)
        }
        DeValue::Boolean(boolean) => Value::Bool(*boolean),
        DeValue::Datetime(moment) => Value::String(moment.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(convert).collect::<Result<_, _>>()?),
        DeValue::Table(table) => Value::Object(convert_table(table)?),
    })
}

fn convert_table(table: &DeTable<'_>) -> Result<Map<String, Value>, NotJson> {
    table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), convert(value)?))).collect()
}

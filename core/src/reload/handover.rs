//! Whether state can be handed over, told from what both sides say of it before anything is stopped.

use crate::diagnostic::Diagnostic;
use loader_contract::lifecycle::StateDescription;
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write as _};

/// Whether there is state to hand over from the one to the other; an error when the other cannot read
/// what the one writes.
pub(crate) fn needed(
    from: Option<&StateDescription>,
    to: Option<&StateDescription>,
) -> Result<bool, Diagnostic> {
    let Some(from) = from else { return Ok(false) };
    let refuse = |code, message: String| Err(Diagnostic::error(code, message));
    let Some(to) = to else {
        return refuse(
            "LDR-HANDOVER-DROPPED",
            "the old generation hands over state and the new one takes none".into(),
        )
        .map_err(|finding| {
            finding.hint(
                "implement `Handover`, or let it go: loader plugins reload ID --discard-state",
            )
        });
    };
    if to.reads.contains(&from.form) {
        return Ok(true);
    }
    let (old, new) = (from.form.version, to.form.version);
    if old > new {
        let message = format!(
            "the old generation hands over state of version {old}, and the new one reads up to {new}"
        );
        return refuse("LDR-HANDOVER-NEWER", message)
            .map_err(|finding| finding.hint("go forward with a release that reads it, or let it go: loader plugins reload ID --discard-state"));
    }
    let changes = changes(&from.schema, &to.schema);
    let message = if old == new {
        format!("the state changed and its version is still {old}: {changes}")
    } else {
        format!("no migration leads from state version {old} to {new}: {changes}")
    };
    refuse("LDR-HANDOVER-LAYOUT", message)
        .map_err(|finding| finding.hint(migration(from, &to.schema, new.max(old + 1))))
}

fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten().collect()
}

/// Which fields differ, in words.
fn changes(from: &Value, to: &Value) -> String {
    let (old, new) = (properties(from), properties(to));
    let mut words = Vec::new();
    for (name, schema) in &old {
        match new.iter().find(|(other, _)| other == name) {
            None => words.push(format!("`{name}` is gone")),
            Some((_, other)) => {
                let (was, is) = (rust_type(schema), rust_type(other));
                if was != is {
                    words.push(format!("`{name}` was {was} and is {is}"));
                }
            }
        }
    }
    let names: BTreeSet<_> = old.iter().map(|(name, _)| name).collect();
    let added = new.iter().filter(|(name, _)| !names.contains(name));
    words.extend(added.map(|(name, _)| format!("`{name}` is new")));
    if words.is_empty() { "something within a field differs".into() } else { words.join(", ") }
}

/// The migration to paste, as far as a schema tells it.
fn migration(from: &StateDescription, to: &Value, version: u32) -> String {
    let name = to["title"].as_str().unwrap_or("State");
    let old_name = format!(
        "{}V{}",
        name.trim_end_matches(char::is_numeric).trim_end_matches('V'),
        from.form.version
    );
    let mut text = format!(
        "keep the old form and migrate from it; paste and complete:\n\n#[state(version = {})]\npub struct {old_name} {{\n",
        from.form.version
    );
    for (field, schema) in properties(&from.schema) {
        let _ = writeln!(text, "    pub {field}: {},", rust_type(schema));
    }
    let _ = write!(
        text,
        "}}\n\n#[state(version = {version}, from = {old_name})]\npub struct {name} {{ /* as it is */ }}\n\n\
         impl From<{old_name}> for {name} {{\n    fn from(old: {old_name}) -> Self {{\n        Self {{\n"
    );
    let old: BTreeSet<_> =
        properties(&from.schema).into_iter().map(|(name, _)| name.clone()).collect();
    for (field, schema) in properties(to) {
        let same = properties(&from.schema)
            .iter()
            .any(|(name, other)| *name == field && rust_type(other) == rust_type(schema));
        let value = match (same, old.contains(field)) {
            (true, _) => format!("old.{field}"),
            (false, true) => format!("todo!(\"from old.{field}\")"),
            (false, false) => "Default::default()".to_owned(),
        };
        let _ = writeln!(text, "            {field}: {value},");
    }
    text.push_str("        }\n    }\n}");
    text
}

/// The Rust type that a schema stems from, as far as it tells.
fn rust_type(schema: &Value) -> String {
    let of = |kind: &str| match (kind, schema["format"].as_str()) {
        ("integer", Some(format)) => match format {
            "uint8" => "u8",
            "uint16" => "u16",
            "uint32" => "u32",
            "uint64" => "u64",
            "uint" => "usize",
            "int8" => "i8",
            "int16" => "i16",
            "int32" => "i32",
            "int" => "isize",
            _ => "i64",
        }
        .to_owned(),
        ("integer", None) => "i64".to_owned(),
        ("number", Some("float")) => "f32".to_owned(),
        ("number", _) => "f64".to_owned(),
        ("string", _) => "String".to_owned(),
        ("boolean", _) => "bool".to_owned(),
        ("array", _) => format!("Vec<{}>", rust_type(&schema["items"])),
        ("object", _) if schema["additionalProperties"].is_object() => {
            format!(
                "std::collections::BTreeMap<String, {}>",
                rust_type(&schema["additionalProperties"])
            )
        }
        _ => "loader_sdk::serde_json::Value".to_owned(),
    };
    match &schema["type"] {
        Value::String(kind) => of(kind),
        Value::Array(kinds) => {
            let kind = kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null");
            format!("Option<{}>", of(kind.unwrap_or_default()))
        }
        _ => match schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            Some(name) => name.to_owned(),
            None => of(""),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loader_contract::lifecycle::StateForm;
    use serde_json::json;

    fn description(
        version: u32,
        layout: &str,
        fields: Value,
        older: &[(u32, &str)],
    ) -> StateDescription {
        let form = |(version, layout): (u32, &str)| StateForm { version, layout: layout.into() };
        let mut reads = vec![form((version, layout))];
        reads.extend(older.iter().copied().map(form));
        let schema = json!({ "title": "Counters", "type": "object", "properties": fields });
        StateDescription { form: form((version, layout)), reads, schema }
    }

    const NUMBER: &str = "uint64";

    fn number() -> Value {
        json!({ "type": "integer", "format": NUMBER })
    }

    #[test]
    fn state_is_handed_over_where_the_new_one_reads_what_the_old_one_writes() {
        let one = description(1, "a", json!({ "total": number() }), &[]);
        let two = description(2, "b", json!({ "total": number() }), &[(1, "a")]);
        assert_eq!(needed(None, Some(&one)), Ok(false));
        assert_eq!(needed(Some(&one), Some(&one)), Ok(true));
        assert_eq!(needed(Some(&one), Some(&two)), Ok(true));
        assert_eq!(needed(Some(&two), Some(&one)).expect_err("older").code, "LDR-HANDOVER-NEWER");
        assert_eq!(needed(Some(&one), None).expect_err("none").code, "LDR-HANDOVER-DROPPED");
    }

    #[test]
    fn a_changed_layout_is_refused_with_the_migration_to_write() {
        let old =
            description(1, "a", json!({ "total": number(), "last": { "type": "string" } }), &[]);
        let fields = json!({
            "total": { "type": "array", "items": number() },
            "last": { "type": "string" },
            "by_user": { "type": "object", "additionalProperties": number() },
        });
        let refusal =
            needed(Some(&old), Some(&description(1, "b", fields, &[]))).expect_err("layout");
        assert_eq!(refusal.code, "LDR-HANDOVER-LAYOUT");
        assert!(refusal.message.contains("`total` was u64 and is Vec<u64>"), "{}", refusal.message);
        assert!(refusal.message.contains("`by_user` is new"), "{}", refusal.message);
        let stub = refusal.hint.expect("a stub");
        for line in [
            "#[state(version = 1)]",
            "pub struct CountersV1 {",
            "    pub total: u64,",
            "#[state(version = 2, from = CountersV1)]",
            "impl From<CountersV1> for Counters {",
            "            last: old.last,",
            "            total: todo!(\"from old.total\"),",
            "            by_user: Default::default(),",
        ] {
            assert!(stub.contains(line), "{line} is not in\n{stub}");
        }
    }
}

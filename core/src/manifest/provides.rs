//! Reads `[provides]`: what a plugin will register.

use super::{
    Provided,
    fields::{self, Fields, Text, Value},
    json,
    notes::Notes,
    parts,
};
use std::collections::BTreeSet;
use toml::de::{DeTable, DeValue};

/// The longest id of a capability, in bytes.
pub(crate) const MAX_CAPABILITY_BYTES: usize = 128;

/// The attribute with further ids that a capability answers to.
pub(super) const ALIASES: &str = "aliases";

/// The attribute that says where a capability is listed.
pub(super) const ORDER: &str = "order";

/// Whether text is the id of a capability.
pub(crate) fn is_capability_id(text: &str) -> bool {
    let is_mark = |each: char| each.is_whitespace() || each.is_control();
    !text.is_empty() && text.len() <= MAX_CAPABILITY_BYTES && !text.contains(is_mark)
}

/// `[provides]`: for each contract the ids of capabilities, or tables with an id and attributes.
pub(super) fn provides(owner: &mut Fields<'_>) -> Vec<Provided> {
    let Some(table) = owner.table("provides") else { return Vec::new() };
    let notes = owner.notes();
    let mut provided = Vec::new();
    for (key, value) in table.entries() {
        let name = Text { text: key.get_ref(), at: key.span().start };
        let contract = parts::contract(notes, name);
        let mut seen = BTreeSet::new();
        for entry in fields::array(notes, &format!("`{}`", name.text.escape_debug()), value) {
            let Some(capability) = capability(notes, entry) else { continue };
            let (Some(contract), id) = (contract.clone(), capability.id) else { continue };
            for name in [id].iter().chain(&capability.aliases) {
                if !seen.insert(name.text) {
                    let text = name.text.escape_debug();
                    let message = format!("`{contract}` provides `{text}` twice");
                    notes.error("LDR-MANIFEST-DUPLICATE", name.at, message, "remove one of them");
                }
            }
            provided.push(Provided {
                contract,
                id: id.text.to_owned(),
                attributes: capability.attributes,
                line: notes.line(id.at),
            });
        }
    }
    provided
}

struct Capability<'a> {
    id: Text<'a>,
    aliases: Vec<Text<'a>>,
    attributes: serde_json::Map<String, serde_json::Value>,
}

fn capability<'a>(notes: &Notes<'_>, entry: &'a Value<'a>) -> Option<Capability<'a>> {
    match entry.get_ref() {
        DeValue::String(_) => {
            let (aliases, attributes) = (Vec::new(), serde_json::Map::new());
            Some(Capability { id: id(notes, "a capability's id", entry)?, aliases, attributes })
        }
        DeValue::Table(table) => {
            let Some(named) = table.get("id") else {
                let message = "a capability has no `id`";
                let hint = "write it as `{ id = \"my-capability\", … }`";
                notes.error("LDR-MANIFEST-MISSING", entry.span().start, message, hint);
                return None;
            };
            let (attributes, aliases) = (attributes(notes, table), aliases(notes, table));
            check_order(notes, table);
            Some(Capability { id: id(notes, "a capability's id", named)?, aliases, attributes })
        }
        _ => {
            let wanted = "an id, or a table with one";
            fields::wrong_type(notes, "a capability", wanted, entry);
            None
        }
    }
}

/// Everything but the id, as JSON.
fn attributes(
    notes: &Notes<'_>,
    table: &DeTable<'_>,
) -> serde_json::Map<String, serde_json::Value> {
    let mut attributes = serde_json::Map::new();
    for (key, value) in table.iter().filter(|(key, _)| key.get_ref() != "id") {
        match json::convert(value) {
            Ok(value) => drop(attributes.insert(key.get_ref().to_string(), value)),
            Err(json::NotJson(at)) => {
                let key = key.get_ref().escape_debug();
                let message = format!("attribute `{key}` holds a number that JSON cannot say");
                let hint = "use a finite number that fits 64 bits, or a string";
                notes.error("LDR-MANIFEST-VALUE", at, message, hint);
            }
        }
    }
    attributes
}

fn aliases<'a>(notes: &Notes<'_>, table: &'a DeTable<'a>) -> Vec<Text<'a>> {
    let Some(value) = table.get(ALIASES) else { return Vec::new() };
    let aliases = fields::array(notes, &format!("`{ALIASES}`"), value).iter();
    aliases.filter_map(|alias| id(notes, "an alias", alias)).collect()
}

fn check_order(notes: &Notes<'_>, table: &DeTable<'_>) {
    let order = table.get(ORDER);
    if let Some(order) = order.filter(|order| !matches!(order.get_ref(), DeValue::Integer(_))) {
        fields::wrong_type(notes, &format!("`{ORDER}`"), "an integer", order);
    }
}

fn id<'a>(notes: &Notes<'_>, what: &str, value: &'a Value<'a>) -> Option<Text<'a>> {
    let id = fields::text(notes, what, value)?;
    if is_capability_id(id.text) {
        return Some(id);
    }
    let message = format!("`{}` is not a capability id", id.text.escape_debug());
    let hint = format!("use at most {MAX_CAPABILITY_BYTES} bytes and no spaces");
    notes.error("LDR-MANIFEST-VALUE", id.at, message, hint);
    None
}

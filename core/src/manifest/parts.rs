//! Reads the tables that a plugin and an extension of a pack have in common, and the small ones.

use super::{
    Activation, ConfigSchemas, Library, Provided, ReloadRules, Requires, Setup,
    fields::{self, Fields, Text, Value},
    json,
    notes::Notes,
};
use loader_contract::ContractName;
use std::collections::BTreeSet;
use toml::de::DeValue;

/// The longest id of a capability, in bytes.
const MAX_CAPABILITY_BYTES: usize = 128;

/// `[provides]`: for each contract the ids of capabilities, or tables with an id and attributes.
pub(super) fn provides(owner: &mut Fields<'_>) -> Vec<Provided> {
    let Some(table) = owner.table("provides") else { return Vec::new() };
    let notes = owner.notes();
    let mut provided = Vec::new();
    for (key, value) in table.entries() {
        let name = Text { text: key.get_ref(), at: key.span().start };
        let contract = contract(notes, name);
        let mut seen = BTreeSet::new();
        for entry in fields::array(notes, &format!("`{}`", name.text.escape_debug()), value) {
            let Some(capability) = capability(notes, entry) else { continue };
            let (Some(contract), id) = (contract.clone(), capability.id) else { continue };
            if !seen.insert(id.text) {
                let message = format!("`{}` provides `{}` twice", contract, id.text.escape_debug());
                notes.error("LDR-MANIFEST-DUPLICATE", id.at, message, "remove one of them");
            }
            let id = id.text.to_owned();
            provided.push(Provided { contract, id, attributes: capability.attributes });
        }
    }
    provided
}

struct Capability<'a> {
    id: Text<'a>,
    attributes: serde_json::Map<String, serde_json::Value>,
}

fn capability<'a>(notes: &Notes<'_>, entry: &'a Value<'a>) -> Option<Capability<'a>> {
    let mut attributes = serde_json::Map::new();
    let id = match entry.get_ref() {
        DeValue::String(_) => fields::text(notes, "a capability's id", entry)?,
        DeValue::Table(table) => {
            let Some(id) = table.get("id") else {
                let message = "a capability has no `id`";
                let hint = "write it as `{ id = \"my-capability\", … }`";
                notes.error("LDR-MANIFEST-MISSING", entry.span().start, message, hint);
                return None;
            };
            for (key, value) in table.iter().filter(|(key, _)| key.get_ref() != "id") {
                match json::convert(value) {
                    Ok(value) => drop(attributes.insert(key.get_ref().to_string(), value)),
                    Err(json::NotJson(at)) => {
                        let message = format!(
                            "attribute `{}` holds a number that JSON cannot say",
                            key.get_ref().escape_debug()
                        );
                        let hint = "use a finite number that fits 64 bits, or a string";
                        notes.error("LDR-MANIFEST-VALUE", at, message, hint);
                    }
                }
            }
            fields::text(notes, "a capability's id", id)?
        }
        _ => {
            let wanted = "an id, or a table with one";
            fields::wrong_type(notes, "a capability", wanted, entry);
            return None;
        }
    };
    if id.text.len() > MAX_CAPABILITY_BYTES || id.text.contains(char::is_whitespace) {
        let message = format!("`{}` is not a capability id", id.text.escape_debug());
        let hint = format!("use at most {MAX_CAPABILITY_BYTES} bytes and no spaces");
        notes.error("LDR-MANIFEST-VALUE", id.at, message, hint);
        return None;
    }
    Some(Capability { id, attributes })
}

/// `[requires]`: services of the host and contracts of other plugins.
pub(super) fn requires(owner: &mut Fields<'_>) -> Requires {
    let Some(mut table) = owner.table("requires") else { return Requires::default() };
    let notes = table.notes();
    let mut names = |key| {
        let texts = table.texts(key).into_iter();
        texts.filter_map(|text| contract(notes, text)).collect()
    };
    let requires = Requires { services: names("services"), contracts: names("contracts") };
    table.finish();
    requires
}

/// `[config]`: the schemas of the configuration.
pub(super) fn config(owner: &mut Fields<'_>) -> ConfigSchemas {
    let Some(mut table) = owner.table("config") else { return ConfigSchemas::default() };
    let schemas = ConfigSchemas {
        schema: table.path("schema"),
        account_schema: table.path("account_schema"),
    };
    table.finish();
    schemas
}

/// `[reload]`: when the plugin is to be replaced by a fresh generation.
pub(super) fn reload(owner: &mut Fields<'_>) -> ReloadRules {
    let Some(mut table) = owner.table("reload") else { return ReloadRules::default() };
    let rules = ReloadRules { config_prefixes: table.lines("config_prefixes") };
    table.finish();
    rules
}

/// `[activation]`: what makes the plugin worth loading.
pub(super) fn activation(root: &mut Fields<'_>) -> Activation {
    let Some(mut table) = root.table("activation") else { return Activation::default() };
    let activation = Activation {
        commands: table.lines("commands"),
        channels: table.lines("channels"),
        providers: table.lines("providers"),
    };
    table.finish();
    activation
}

/// `[setup]`: what the plugin can set up.
pub(super) fn setup(root: &mut Fields<'_>) -> Setup {
    let Some(mut table) = root.table("setup") else { return Setup::default() };
    let setup = Setup {
        providers: table.lines("providers"),
        cli_backends: table.lines("cli_backends"),
        library: table.table("library").and_then(Library::read),
    };
    table.finish();
    setup
}

fn contract(notes: &Notes<'_>, found: Text<'_>) -> Option<ContractName> {
    let parsed = found.text.parse::<ContractName>();
    if let Err(error) = &parsed {
        let hint = "write the name, a slash and the major version: `http-route/1`";
        notes.error("LDR-MANIFEST-VALUE", found.at, error.to_string(), hint);
    }
    parsed.ok()
}

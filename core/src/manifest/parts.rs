//! Reads the tables that a plugin and an extension of a pack have in common, and the small ones.

use super::{
    Activation, ConfigSchemas, ReloadRules, Requires, Setup, Startup,
    fields::{Fields, Text},
    notes::Notes,
};
use loader_contract::ContractName;

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
pub(super) fn activation(owner: &mut Fields<'_>) -> Activation {
    let Some(mut table) = owner.table("activation") else { return Activation::default() };
    let activation = Activation {
        commands: table.lines("commands"),
        channels: table.lines("channels"),
        providers: table.lines("providers"),
    };
    table.finish();
    activation
}

/// `[startup]`: how the plugin takes part in the start of its host.
pub(super) fn startup(owner: &mut Fields<'_>) -> Startup {
    let Some(mut table) = owner.table("startup") else { return Startup::default() };
    let startup = Startup {
        defer_full_load_until_after_listen: table
            .boolean("defer_full_load_until_after_listen")
            .unwrap_or_default(),
    };
    table.finish();
    startup
}

/// `[setup]`: what the plugin can set up.
pub(super) fn setup(root: &mut Fields<'_>) -> Setup {
    let Some(mut table) = root.table("setup") else { return Setup::default() };
    let setup = Setup {
        providers: table.lines("providers"),
        single_account_keys: table.lines("single_account_keys"),
    };
    table.finish();
    setup
}

/// The name of a contract.
pub(super) fn contract(notes: &Notes<'_>, found: Text<'_>) -> Option<ContractName> {
    let parsed = found.text.parse::<ContractName>();
    if let Err(error) = &parsed {
        let hint = "write the name, a slash and the major version: `http-route/1`";
        notes.error("LDR-MANIFEST-VALUE", found.at, error.to_string(), hint);
    }
    parsed.ok()
}

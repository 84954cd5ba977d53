//! The committed schema is the one the configuration's type generates, and it says what the plugin
//! itself would say.

use std::{fs, path::PathBuf};

#[test]
fn the_committed_schema_matches_the_type() {
    let schema = loader_sdk::contract::schema::of::<openai::Config>();
    let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config.schema.json");
    if std::env::var_os("LOADER_SCHEMAS_ACCEPT").is_some() {
        fs::write(&path, &text).expect("the schema can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is out of date; run\n    LOADER_SCHEMAS_ACCEPT=1 cargo test -p openai --test config_schema",
        path.display()
    );
}

#[test]
fn every_setting_is_described_and_has_its_default() {
    let schema = loader_sdk::contract::schema::of::<openai::Config>();
    let defaults = serde_json::to_value(openai::Config::default()).expect("a config is JSON");
    let settings = schema["properties"].as_object().expect("settings");
    assert_eq!(settings.len(), 8);
    for (name, setting) in settings {
        assert!(setting["description"].is_string(), "`{name}` is described");
        assert_eq!(setting["default"], defaults[name], "the default of `{name}`");
    }
}

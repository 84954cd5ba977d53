//! The committed schema is the one the settings generate.

use irc::settings::AccountSettings;
use loader_sdk::contract::schema;
use std::{fs, path::PathBuf};

#[test]
fn committed_schema_matches_the_settings() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("account.schema.json");
    let schema = schema::of::<AccountSettings>();
    let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    if std::env::var_os("LOADER_SCHEMAS_ACCEPT").is_some() {
        fs::write(&path, &text).expect("the schema can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is out of date; run\n    LOADER_SCHEMAS_ACCEPT=1 cargo test -p irc schema",
        path.display()
    );
}

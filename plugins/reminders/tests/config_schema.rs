//! The committed schema is the one the configuration's type generates.

use std::{fs, path::PathBuf};

#[test]
fn the_committed_schema_matches_the_type() {
    let schema = loader_sdk::contract::schema::of::<reminders::Settings>();
    let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config.schema.json");
    if std::env::var_os("LOADER_SCHEMAS_ACCEPT").is_some() {
        fs::write(&path, &text).expect("the schema can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is out of date; run\n    LOADER_SCHEMAS_ACCEPT=1 cargo test -p reminders --test config_schema",
        path.display()
    );
}

use super::*;
use loader_sdk::contract::schema;

#[test]
fn the_answer_greets_who_is_in_the_path() {
    let settings = Settings {
        greeting: "good day".into(),
    };
    assert_eq!(answer(&settings, "/ada"), "good day, ada\n");
    assert_eq!(answer(&settings, "/"), "good day, world\n");
}

/// `ACCEPT=1 cargo test` writes the schema that operators' settings are checked with.
#[test]
fn the_schema_is_that_of_the_settings() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
    let schema = format!("{:#}\n", schema::of::<Settings>());
    if std::env::var_os("ACCEPT").is_some() {
        std::fs::write(path, &schema).expect("the schema can be written");
    }
    let committed = std::fs::read_to_string(path).expect("a schema");
    assert_eq!(committed, schema, "run: ACCEPT=1 cargo test");
}

use super::*;
use loader_sdk::contract::{schema, text_inference::Message};

#[test]
fn the_answer_is_what_the_person_said_last() {
    let messages = [
        (Role::User, "one"),
        (Role::Assistant, "two"),
        (Role::User, "three"),
    ];
    let messages = messages
        .map(|(role, text)| Message::text(role, text))
        .to_vec();
    let request = GenerateRequest {
        messages,
        ..GenerateRequest::default()
    };
    assert_eq!(answer(&Settings::default(), &request), "You said: three");
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

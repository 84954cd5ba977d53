use super::*;
use account::next_line;
use loader_sdk::contract::schema;

#[test]
fn lines_come_one_by_one_and_whole() {
    let mut unread = b"one\r\n\ntw".to_vec();
    assert_eq!(next_line(&mut unread).as_deref(), Some("one"));
    assert_eq!(next_line(&mut unread).as_deref(), Some(""));
    assert_eq!(next_line(&mut unread), None);
    unread.extend(b"o\n");
    assert_eq!(next_line(&mut unread).as_deref(), Some("two"));
}

/// `ACCEPT=1 cargo test` writes the schema that operators' settings are checked with.
#[test]
fn the_schema_is_that_of_the_settings() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/account.schema.json");
    let schema = format!("{:#}\n", schema::of::<Settings>());
    if std::env::var_os("ACCEPT").is_some() {
        std::fs::write(path, &schema).expect("the schema can be written");
    }
    let committed = std::fs::read_to_string(path).expect("a schema");
    assert_eq!(committed, schema, "run: ACCEPT=1 cargo test");
}

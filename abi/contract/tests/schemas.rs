//! The committed schemas are the ones the types generate.
#![cfg(feature = "schema")]

use std::{fs, path::PathBuf};

#[test]
fn committed_schemas_match_the_types() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let accept = std::env::var_os("LOADER_SCHEMAS_ACCEPT").is_some();
    let mut expected = Vec::new();
    for contract in loader_contract::schema::all() {
        let text = serde_json::to_string_pretty(&contract.schema).expect("a schema is JSON") + "\n";
        let path = folder.join(&contract.file);
        if accept {
            fs::write(&path, &text).expect("the schema can be written");
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{} is out of date; run\n    LOADER_SCHEMAS_ACCEPT=1 cargo test -p loader-contract \
             --features schema",
            path.display()
        );
        expected.push(contract.file);
    }
    let mut present: Vec<String> = fs::read_dir(&folder)
        .expect("schemas/ is there")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    present.sort();
    assert_eq!(present, expected, "every file in schemas/ belongs to a contract");
}

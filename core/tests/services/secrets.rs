//! `secrets/1`.

use super::host::{Host, Plugin};
use loader_abi::class;
use loader_contract::service::secrets::Get;
use loader_core::{
    message::{Failure, Metadata},
    services::SecretBytes,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

async fn get(plugin: &Plugin<'_>, name: &str) -> Result<Vec<u8>, Failure> {
    let request = serde_json::to_vec(&Get { name: name.to_owned() }).unwrap();
    Ok(plugin.call("secrets/1/get", Metadata::new(), request).await?.body)
}

#[tokio::test]
async fn a_secret_named_anywhere_in_the_configuration_is_handed_out() {
    let host = Host::new();
    let config = json!({ "servers": [{ "name": "main", "key": "secret:openai" }] });
    assert_eq!(get(&host.configured("one", config), "openai").await.unwrap(), b"sk-hush");
}

#[tokio::test]
async fn a_secret_the_settings_do_not_name_is_refused_whether_it_exists_or_not() {
    let host = Host::new();
    // Neither a part of a value nor a key is a reference.
    let config = json!({ "key": "secret:openai", "note": "see secret:irc", "secret:irc": true });
    let plugin = host.configured("one", config);
    for name in ["irc", "nonexistent", "", "openai2", "secret:openai"] {
        let failure = get(&plugin, name).await.unwrap_err();
        assert_eq!(
            (failure.class, failure.code.as_str()),
            (class::FORBIDDEN, "LDR-SECRET-UNDECLARED"),
            "{name}"
        );
        assert!(failure.message.contains("`one`"), "{failure}");
        assert!(failure.hint.contains(&format!("\"secret:{name}\"")), "{}", failure.hint);
    }
}

#[tokio::test]
async fn a_plugin_gets_what_was_allowed_to_it_and_no_other_plugin_does() {
    let host = Host::new();
    allow(&host, "one", "irc");
    assert_eq!(get(&host.plugin("one"), "irc").await.unwrap(), b"open-sesame");
    let failure = get(&host.plugin("two"), "irc").await.unwrap_err();
    assert_eq!(failure.code, "LDR-SECRET-UNDECLARED");
    // What is not named any more is withdrawn.
    allow(&host, "two", "irc");
    assert_eq!(get(&host.plugin("two"), "irc").await.unwrap(), b"open-sesame");
    let failure = get(&host.plugin("one"), "irc").await.unwrap_err();
    assert_eq!(failure.code, "LDR-SECRET-UNDECLARED");
}

/// Lets one plugin fetch one secret besides those its configuration names.
fn allow(host: &Host, plugin: &str, name: &str) {
    let source = BTreeMap::from([(name.to_owned(), SecretBytes::from("open-sesame".to_owned()))]);
    let allowed = BTreeMap::from([(plugin.to_owned(), BTreeSet::from([name.to_owned()]))]);
    host.standard.secrets.replace(Arc::new(source), allowed);
}

#[tokio::test]
async fn a_declared_secret_that_does_not_exist_is_missing() {
    let host = Host::new();
    let plugin = host.configured("one", json!({ "key": "secret:forgotten" }));
    let failure = get(&plugin, "forgotten").await.unwrap_err();
    assert_eq!((failure.class, failure.code.as_str()), (class::NOT_FOUND, "LDR-SECRET-MISSING"));
    assert!(failure.message.contains("`forgotten`"));
}

#[test]
fn a_secret_does_not_show_itself() {
    let secret = SecretBytes::from("sk-hush".to_owned());
    assert!(!format!("{secret:?} {secret:#?}").contains("hush"));
}

//! The defaults, the schema, and what is hidden from logs.

use serde_json::json;

use super::*;

fn read(value: serde_json::Value) -> Result<Config, serde_json::Error> {
    serde_json::from_value(value)
}

#[test]
fn nothing_written_means_the_documented_defaults() {
    let config = read(json!({})).expect("every key is optional");
    assert_eq!(config, Config::default());
    assert_eq!(
        serde_json::to_value(config).expect("it can be written"),
        json!({
            "gateway": {
                "listen": "127.0.0.1:7280",
                "request_timeout_ms": 120_000,
                "drain_timeout_ms": 15_000,
                "max_body_bytes": 1_048_576,
                "allowed_hosts": [],
            },
            "log": { "filter": "info", "format": "text" },
            "plugins": {
                "enabled": true,
                "load_paths": [],
                "allow": [],
                "deny": [],
                "workspaces": [],
                "catalogues": [],
                "slots": {},
                "trust": {
                    "owners": [],
                    "libraries": [],
                    "signatures": "optional",
                    "publishers": {},
                    "denied": [],
                    "untracked": "warn",
                    "consent": "ask",
                    "probe_timeout_ms": 5_000,
                },
                "reload": {
                    "watch": true,
                    "window_ms": 5_000,
                    "failures": 3,
                    "slowdown": 20,
                    "check_ms": 5_000,
                    "hold_ms": 2_000,
                    "drain_ms": 30_000,
                    "max_retained": 64,
                },
                "entries": {},
            },
            "models": { "default": "echo/echo" },
            "speech": { "providers": [], "only": false, "timeout_ms": 20_000 },
            "web_fetch": {
                "providers": [],
                "only": false,
                "allow_private": false,
                "timeout_ms": 20_000,
                "max_bytes": 262_144,
            },
            "tools": { "enabled": [], "max_rounds": 8, "timeout_ms": 30_000 },
            "channels": {},
            "tasks": {},
            "secrets": {},
        })
    );
}

#[test]
fn an_entry_that_says_nothing_has_the_documented_defaults() {
    let config = read(json!({ "plugins": { "entries": { "a": {} } } })).expect("it is valid");
    let entry = &config.plugins.entries["a"];
    assert_eq!(*entry, PluginEntry::default());
    assert_eq!(entry.enabled, None);
    assert_eq!(
        serde_json::to_value(entry).expect("it can be written"),
        json!({
            "placement": "thread",
            "threads": 1,
            "max_concurrent_calls": 1024,
            "call_timeout_ms": 60_000,
            "breaker": { "failures": 5, "cooldown_ms": 10_000 },
            "config": {},
        })
    );
}

#[test]
fn an_account_keeps_its_own_keys_apart_from_the_plugins() {
    let written = json!({ "enabled": false, "model": "a/b", "nick": "n", "deep": { "er": 1 } });
    let account: Account = serde_json::from_value(written.clone()).expect("it is valid");
    assert!(!account.enabled);
    assert_eq!(account.model.as_deref(), Some("a/b"));
    assert_eq!(json!(account.settings), json!({ "nick": "n", "deep": { "er": 1 } }));
    assert_eq!(serde_json::to_value(account).expect("it can be written"), written);

    let account: Account = serde_json::from_value(json!({})).expect("it is valid");
    assert_eq!(account, Account::default());
    assert!(account.enabled);
    for wrong in [json!({ "enabled": "yes" }), json!({ "model": 1 })] {
        serde_json::from_value::<Account>(wrong).expect_err("the type is wrong");
    }
}

#[test]
fn debug_output_has_no_secrets() {
    let config = read(json!({
        "plugins": { "entries": { "a": { "config": { "api_key": "hunter2" } } } },
        "channels": { "irc": { "accounts": { "b": { "password": "hunter2" } } } },
        "secrets": { "c": { "value": "hunter2" }, "d": { "env": "NAME" } },
    }))
    .expect("it is valid");
    let debug = format!("{config:?}");
    assert!(!debug.contains("hunter2"), "{debug}");
    assert!(debug.contains("api_key") && debug.contains("password") && debug.contains("NAME"));
}

#[test]
fn every_setting_is_documented() {
    fn walk(schema: &serde_json::Value, key: &str) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let key = format!("{key}.{name}");
            let text = field["description"].as_str().unwrap_or_default();
            assert!(text.ends_with('.'), "{key} has no description");
            walk(field, &key);
        }
    }
    let schema = schema();
    walk(&schema, "");
    for (name, definition) in schema["$defs"].as_object().expect("it has definitions") {
        walk(definition, name);
    }
}

#[test]
fn every_duration_and_size_says_its_unit() {
    let schema = schema();
    for (name, definition) in schema["$defs"].as_object().expect("it has definitions") {
        for (key, field) in definition["properties"].as_object().into_iter().flatten() {
            let text = field["description"].as_str().unwrap_or_default();
            assert_eq!(key.ends_with("_ms"), text.contains("milliseconds"), "{name}.{key}");
        }
    }
}

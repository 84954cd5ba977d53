//! Settings in environment variables.

use super::*;

fn with(name: &str, value: &str) -> Machine {
    Machine::new().variable(name, value)
}

#[test]
fn two_underscores_separate_names() {
    let machine = with("LOADER__GATEWAY__LISTEN", "127.0.0.1:0")
        .variable("LOADER__PLUGINS__ENTRIES__OPENAI__BREAKER__FAILURES", "2")
        .variable("LOADER_STATE_DIR", "/ignored")
        .variable("GATEWAY__LISTEN", "ignored");
    let resolved = machine.resolve();
    assert_eq!(resolved.config.gateway.listen.port(), 0);
    assert_eq!(resolved.config.plugins.entries["openai"].breaker.failures, 2);
    assert!(resolved.warnings.is_empty());
    assert_eq!(
        resolved.origin("gateway.listen").and_then(|origin| origin.variable.as_deref()),
        Some("LOADER__GATEWAY__LISTEN")
    );
}

#[test]
fn a_value_is_a_toml_scalar_or_list_if_it_reads_as_one() {
    let value = |text: &str| {
        let name = "LOADER__PLUGINS__ENTRIES__A__CONFIG__B";
        serde_json::json!(with(name, text).resolve().config.plugins.entries["a"].config.0["b"])
    };
    assert_eq!(value("1"), 1);
    assert_eq!(value("-1.5"), -1.5);
    assert_eq!(value("true"), true);
    assert_eq!(value("\"1\""), "1");
    assert_eq!(value("[1, 'a']"), serde_json::json!([1, "a"]));
    assert_eq!(value("2001-02-03"), "2001-02-03");
    for text in ["", "plain", "127.0.0.1:0", "a b", "tru", "{ a = 1 }", "\"open", "1\n2", "nan"] {
        assert_eq!(value(text), text);
    }
}

#[test]
fn where_text_is_wanted_the_value_is_text_whatever_it_looks_like() {
    let resolved = with("LOADER__SECRETS__PIN__VALUE", "0123")
        .variable("LOADER__SECRETS__YES__VALUE", "true")
        .variable("LOADER__MODELS__DEFAULT", "\"a/b\"")
        .resolve();
    assert_eq!(resolved.config.secrets["pin"].value.as_deref(), Some("0123"));
    assert_eq!(resolved.config.secrets["yes"].value.as_deref(), Some("true"));
    assert_eq!(resolved.config.models.default, "a/b");
}

#[test]
fn a_name_means_the_key_that_a_file_has_set() {
    let resolved = with("LOADER__CHANNELS__MY_CHAT__ACCOUNTS__MAIN__APIBASE", "b")
        .user("[channels.my-chat.accounts.Main]\napiBase = 'a'\n")
        .resolve();
    assert_eq!(resolved.config.channels.len(), 1);
    let accounts = &resolved.config.channels["my-chat"].accounts;
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts["Main"].settings.0["apiBase"], "b");
}

#[test]
fn variables_are_expanded_in_variables_too() {
    let resolved = with("LOADER__LOG__FILTER", "${LEVEL}").variable("LEVEL", "debug").resolve();
    assert_eq!(resolved.config.log.filter, "debug");
}

#[test]
fn a_name_that_is_no_key_warns() {
    let deep = format!("LOADER__{}", ["A"; 1000].join("__"));
    for name in ["LOADER__", "LOADER____A", "LOADER__A__", "LOADER__A____B", &deep] {
        let warnings = with(name, "1").warnings();
        assert_eq!(places(&warnings), [("LDR-CFG-NAME", 0, 0)], "{name}");
        assert!(warnings[0].message.contains(name));
    }
    let warnings = with("LOADER__GATWAY__LISTEN", "1").warnings();
    assert_eq!(
        warnings[0].message,
        "unknown key `gatway.listen`; did you mean `gateway.listen`? \
         (environment LOADER__GATWAY__LISTEN)"
    );
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_text_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let mut machine = Machine::new();
    let bytes = std::ffi::OsString::from_vec(vec![b'a', 0xff]);
    machine.sources.environment.insert("LOADER__LOG__FILTER".into(), bytes);
    let problems = machine.problems();
    assert_eq!(places(&problems), [("LDR-CFG-VALUE", 0, 0)]);
    assert!(problems[0].message.contains("LOADER__LOG__FILTER"));
}

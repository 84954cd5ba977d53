//! `${VAR}` and relative paths.

use std::ffi::OsString;

use super::*;

#[test]
fn variables_are_expanded_in_every_string() {
    let resolved = Machine::new()
        .variable("HOST", "127.0.0.1")
        .variable("NESTED", "${HOST}")
        .user(
            "gateway.listen = '${HOST}:80'\n\
             [channels.irc.accounts.a]\n\
             list = ['${HOST}', { deep = 'a ${HOST} ${HOST}' }]\n\
             nested = '${NESTED}'\n\
             escaped = '$${HOST} $$${HOST} $HOST $'\n",
        )
        .resolve();
    assert_eq!(resolved.config.gateway.listen.to_string(), "127.0.0.1:80");
    assert_eq!(
        serde_json::json!(resolved.config.channels["irc"].accounts["a"].settings),
        serde_json::json!({
            "list": ["127.0.0.1", { "deep": "a 127.0.0.1 127.0.0.1" }],
            "nested": "${HOST}",
            "escaped": "${HOST} $${HOST} $HOST $",
        })
    );
}

#[test]
fn a_variable_that_is_not_set_is_an_error_with_its_place() {
    let machine = Machine::new().user("\nlog.filter = '${NOPE} and ${NEITHER} and ${NOPE}'");
    let problems = machine.problems();
    assert_eq!(places(&problems), [("LDR-CFG-REFERENCE", 2, 14), ("LDR-CFG-REFERENCE", 2, 14)]);
    assert_eq!(
        problems[0].message,
        "`log.filter` names the environment variable `NOPE`, which is not set"
    );
    assert_eq!(problems[0].file, Some(machine.user_file()));
    assert_eq!(
        problems[0].hint.as_deref(),
        Some("set it (`export NOPE=…`), or write `$${NOPE}` to mean the text")
    );
    assert!(problems[1].message.contains("`NEITHER`"));
}

#[test]
fn a_variable_matters_only_where_its_value_is_used() {
    let machine = Machine::new().user("log.filter = '${NOPE}'").project("log.filter = 'debug'");
    assert_eq!(machine.resolve().config.log.filter, "debug");
}

#[test]
fn malformed_references_are_errors() {
    for text in ["${", "a ${A", "${}", "${A B}", "${1A}", "${A:-b}", "${é}", "${${A}}"] {
        let machine = Machine::new().variable("A", "a").flag("log.filter", text);
        let problems = machine.problems();
        assert_eq!(places(&problems), [("LDR-CFG-REFERENCE", 0, 0)], "{text}");
        assert!(problems[0].message.contains("has a `${` that no name"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let mut machine = Machine::new().user("log.filter = '${BYTES}'");
    machine.sources.environment.insert("BYTES".into(), OsString::from_vec(vec![0xff]));
    let problems = machine.problems();
    assert!(problems[0].message.contains("`BYTES`, which does not hold UTF-8"));
}

#[test]
fn what_a_variable_holds_is_never_repeated() {
    let problems = Machine::new()
        .variable("PASSWORD", "hunter2")
        .user("gateway.listen = '${PASSWORD}'\nlog.format = '${PASSWORD}'")
        .problems();
    assert_eq!(problems.len(), 2);
    assert!(!say(&problems).contains("hunter2"));
    assert!(problems[0].message.contains("\"${PASSWORD}\" with its variables expanded"));
}

#[test]
fn relative_paths_start_where_they_are_written() {
    let mut machine = Machine::new()
        .variable("OPT", "/opt")
        .user("plugins.load_paths = ['a', '../b', '/c', '~/d', '${OPT}/e']")
        .project("secrets.s.file = 'f'")
        .variable("LOADER__SECRETS__T__FILE", "g")
        .flag("plugins.bundled_dir", "h");
    let resolved = machine.resolve();
    let home = machine.root.join("home");
    let folder = home.join(".config/loader");
    assert_eq!(
        resolved.config.plugins.load_paths,
        [
            folder.join("a"),
            folder.join("../b"),
            "/c".into(),
            home.join("d"),
            PathBuf::from("/opt/e")
        ]
    );
    let project = machine.root.join("project");
    assert_eq!(resolved.config.secrets["s"].file, Some(project.join("f")));
    assert_eq!(resolved.config.secrets["t"].file, Some(project.join("g")));
    assert_eq!(resolved.config.plugins.bundled_dir, Some(project.join("h")));

    machine.sources.environment.remove(OsStr::new("HOME"));
    assert!(machine.problems()[0].message.contains("`HOME`, which is not set"));
}

//! Mistakes are found in every layer, all at once, each with its place and its remedy.

use super::*;

#[test]
fn an_unknown_key_warns_with_the_nearest_name() {
    let machine = Machine::new().user("[gatway]\nlisten = '127.0.0.1:1'\n");
    let warnings = machine.warnings();
    assert_eq!(places(&warnings), [("LDR-CFG-UNKNOWN-KEY", 2, 1)]);
    assert_eq!(warnings[0].message, "unknown key `gatway.listen`; did you mean `gateway.listen`?");
    assert_eq!(warnings[0].severity, Severity::Warning);
    assert_eq!(warnings[0].file, Some(machine.user_file()));

    let near = |text: &str| Machine::new().user(text).warnings().remove(0).message;
    assert_eq!(
        near("plugins.entries.\"a b\".thread = 1"),
        "unknown key `plugins.entries.\"a b\".thread`; \
         did you mean `plugins.entries.\"a b\".threads`?"
    );
    assert_eq!(
        near("plugin.entires.x.config.anything = 1"),
        "unknown key `plugin.entires.x.config.anything`; \
         did you mean `plugins.entries.x.config.anything`?"
    );
    assert_eq!(
        near("channels.irc.acounts.x = {}"),
        "unknown key `channels.irc.acounts.x`; did you mean `channels.irc.accounts.x`?"
    );
    assert_eq!(near("lgo.filter = 1"), "unknown key `lgo.filter`; did you mean `log.filter`?");
}

#[test]
fn an_unknown_key_like_no_other_warns_with_the_known_ones() {
    let warnings = Machine::new().user("[log]\ncolour = { a = 1, b = 2 }").warnings();
    assert_eq!(places(&warnings), [("LDR-CFG-UNKNOWN-KEY", 2, 1)]);
    assert_eq!(warnings[0].message, "unknown key `log.colour`");
    assert_eq!(
        warnings[0].hint.as_deref(),
        Some("it is ignored: the keys known there are `filter`, `format`")
    );
}

#[test]
fn any_key_is_allowed_where_a_plugins_schema_decides() {
    let resolved = Machine::new()
        .user("plugins.entries.a.config.b.c = 1\nchannels.irc.accounts.main.d.e = [1.5, 2]")
        .resolve();
    assert!(resolved.warnings.is_empty());
    let config = &resolved.config.plugins.entries["a"].config;
    assert_eq!(serde_json::json!(config), serde_json::json!({"b": {"c": 1}}));
    let account = &resolved.config.channels["irc"].accounts["main"];
    assert_eq!(serde_json::json!(account.settings), serde_json::json!({"d": {"e": [1.5, 2]}}));
}

#[test]
fn all_errors_of_all_layers_are_reported_at_once() {
    let machine = Machine::new()
        .user("[gateway]\nmax_body_bytes = '5'\nallowed_hosts = 'x'\n[log]\nformat = 'xml'\n")
        .project("plugins.enabled = 1\nplugins.entries.a.placement = 'process'\nnonsense = 1\n")
        .variable("LOADER__GATEWAY__REQUEST_TIMEOUT_MS", "soon");
    let problems = machine.problems();
    assert_eq!(
        places(&problems),
        [
            ("LDR-CFG-TYPE", 2, 18),
            ("LDR-CFG-TYPE", 3, 17),
            ("LDR-CFG-VALUE", 5, 10),
            ("LDR-CFG-TYPE", 1, 19),
            ("LDR-CFG-VALUE", 2, 31),
            ("LDR-CFG-UNKNOWN-KEY", 3, 1),
            ("LDR-CFG-TYPE", 0, 0),
        ],
        "{}",
        say(&problems)
    );
    assert!(problems.iter().all(|problem| problem.hint.is_some()));
    assert_eq!(
        problems[0].to_string(),
        format!(
            "error[LDR-CFG-TYPE]: `gateway.max_body_bytes` is a string, but an integer is wanted\n  \
             --> {}:2:18\n  hint: remove the quotes",
            machine.user_file().display()
        )
    );
    assert_eq!(
        problems[6].message,
        "`gateway.request_timeout_ms` is a string, but an integer is wanted \
         (environment LOADER__GATEWAY__REQUEST_TIMEOUT_MS)"
    );
}

#[test]
fn a_wrong_type_is_an_error_even_where_a_later_layer_is_right() {
    let problems = Machine::new().user("log.filter = 1").project("log.filter = 'info'").problems();
    assert_eq!(places(&problems), [("LDR-CFG-TYPE", 1, 14)]);
}

#[test]
fn numbers_out_of_range_are_refused() {
    let message = |text: &str| Machine::new().user(text).problems().remove(0).message;
    assert_eq!(
        message("gateway.request_timeout_ms = 0"),
        "`gateway.request_timeout_ms` is 0, but at least 1 is wanted"
    );
    assert_eq!(
        message("gateway.drain_timeout_ms = -1"),
        "`gateway.drain_timeout_ms` is -1, but at least 0 is wanted"
    );
    assert_eq!(
        message("plugins.entries.a.max_concurrent_calls = 4294967296"),
        "`plugins.entries.a.max_concurrent_calls` is 4294967296, but at most 4294967295 is wanted"
    );
    for number in ["9223372036854775808", "nan", "inf", "1e999"] {
        assert_eq!(
            message(&format!("channels.a.accounts.b.c = {number}")),
            "`channels.a.accounts.b.c` is a number that cannot be represented"
        );
    }
}

#[test]
fn strings_that_cannot_be_used_are_refused() {
    for text in [
        "gateway.listen = 'localhost:1'",
        "gateway.listen = ''",
        "gateway.listen = '127.0.0.1'",
        "models.default = 'echo'",
        "models.default = '/echo'",
        "models.default = 'echo/'",
        "models.default = 'echo/a b'",
        "channels.a.accounts.b.model = 'echo'",
        "plugins.load_paths = ['']",
        "log.format = 'Text'",
    ] {
        let problems = Machine::new().user(text).problems();
        assert_eq!(problems.len(), 1, "{text}");
        assert_eq!(problems[0].code, "LDR-CFG-VALUE", "{text}");
    }
    let resolved = Machine::new()
        .user("gateway.listen = '[::1]:0'\nmodels.default = 'openai/org/model'")
        .resolve();
    assert_eq!(resolved.config.gateway.listen.to_string(), "[::1]:0");
    assert_eq!(resolved.config.models.default, "openai/org/model");
}

#[test]
fn a_secret_has_exactly_one_source() {
    let both = Machine::new().user("[secrets.a]\nenv = 'A'\nvalue = 'hunter2'").problems();
    assert_eq!(places(&both), [("LDR-CFG-VALUE", 1, 1)]);
    assert_eq!(
        both[0].message,
        "`secrets.a` has `env` and `value` of `env`, `file`, `value`, but exactly one is wanted"
    );
    let none = Machine::new().user("[secrets.a]").problems();
    assert_eq!(
        none[0].message,
        "`secrets.a` has none of `env`, `file`, `value`, but exactly one is wanted"
    );
}

#[test]
fn invalid_toml_is_shown_with_its_line() {
    let problems =
        Machine::new().user("[log]\nfilter = 'info\n\n[gateway\nlisten = 1\n").problems();
    assert_eq!(places(&problems), [("LDR-CFG-SYNTAX", 2, 15), ("LDR-CFG-SYNTAX", 4, 9)]);
    assert!(problems[0].message.contains("`filter = 'info`"), "{}", problems[0]);
    assert!(problems[1].message.contains("`[gateway`"), "{}", problems[1]);

    let twice = Machine::new().user("log.filter = 'a'\nlog.filter = 'b'\n").problems();
    assert_eq!(places(&twice), [("LDR-CFG-SYNTAX", 2, 5)]);
    assert!(twice[0].message.contains("duplicate key, in the line: `log.filter = 'b'`"));
}

#[test]
fn a_line_is_complained_about_once() {
    let problems = Machine::new().user("a = [1 2 3 x y z\n").problems();
    assert_eq!(problems.iter().filter(|problem| problem.line == Some(1)).count(), 1);
}

#[test]
fn a_file_full_of_mistakes_is_not_repeated_as_a_whole() {
    let problems = Machine::new().user(&"a =\n".repeat(1000)).problems();
    assert_eq!(problems.len(), 10);
}

#[test]
fn names_and_lines_cannot_drive_the_terminal() {
    let quoted = Machine::new().project("\"a\u{9b}31m\u{202e}\" = 1").warnings();
    assert_eq!(quoted[0].message, "unknown key `\"a\\u009B31m\\u202E\"`");
    let excerpt = Machine::new().project("a = \u{1b}[31m\u{202e}").problems();
    assert!(!say(&excerpt).contains(['\u{1b}', '\u{202e}']));
}

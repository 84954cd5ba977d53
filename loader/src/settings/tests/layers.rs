//! Layers override one another key by key, and every value knows its layer.

use loader_gateway::config::Config;

use super::*;

#[test]
fn nothing_written_gives_the_defaults() {
    let resolved = Machine::new().resolve();
    assert_eq!(resolved.config, Config::default());
    assert!(resolved.settings.values().all(|setting| setting.origin.layer == Layer::Default));
    assert!(resolved.warnings.is_empty());
    assert!(resolved.files.is_empty());
}

#[test]
fn each_layer_overrides_the_ones_before_it() {
    let set = |value: u32| format!("gateway.request_timeout_ms = {value}");
    let timeout = |machine: &Machine| {
        let resolved = machine.resolve();
        (resolved.config.gateway.request_timeout_ms, layer(&resolved, "gateway.request_timeout_ms"))
    };
    let machine = Machine::new();
    assert_eq!(timeout(&machine), (120_000, Layer::Default));
    let machine = machine.system(&set(1));
    assert_eq!(timeout(&machine), (1, Layer::System));
    let machine = machine.user(&set(2));
    assert_eq!(timeout(&machine), (2, Layer::User));
    let machine = machine.project(&set(3));
    assert_eq!(timeout(&machine), (3, Layer::Project));
    let machine = machine.named(&set(4));
    assert_eq!(timeout(&machine), (4, Layer::Named));
    let machine = machine.variable("LOADER__GATEWAY__REQUEST_TIMEOUT_MS", "5");
    assert_eq!(timeout(&machine), (5, Layer::Environment));
    let machine = machine.flag("gateway.request_timeout_ms", 6);
    assert_eq!(timeout(&machine), (6, Layer::Flag));
    let machine = machine.flag("gateway.request_timeout_ms", 7);
    assert_eq!(timeout(&machine), (7, Layer::Flag));
}

#[test]
fn keys_that_a_layer_does_not_set_keep_their_values() {
    let resolved = Machine::new()
        .user("[plugins.entries.a]\nthreads = 2\nconfig = { one = 1, both = 1 }")
        .project("[plugins.entries.a]\nplacement = 'inline'\nconfig = { two = 2, both = 2 }")
        .resolve();
    let entry = &resolved.config.plugins.entries["a"];
    assert_eq!(entry.threads, 2);
    assert_eq!(serde_json::json!(entry.config), serde_json::json!({"one": 1, "two": 2, "both": 2}));
    assert_eq!(layer(&resolved, "plugins.entries.a.threads"), Layer::User);
    assert_eq!(layer(&resolved, "plugins.entries.a.placement"), Layer::Project);
    assert_eq!(layer(&resolved, "plugins.entries.a.config.one"), Layer::User);
    assert_eq!(layer(&resolved, "plugins.entries.a.config.both"), Layer::Project);
    assert_eq!(layer(&resolved, "plugins.entries.a.call_timeout_ms"), Layer::Default);
}

#[test]
fn a_list_replaces_a_list_and_a_value_replaces_a_table() {
    let resolved = Machine::new()
        .user("gateway.allowed_hosts = ['a', 'b']\nchannels.c.accounts.d.x.y = 1")
        .project("gateway.allowed_hosts = ['c']\nchannels.c.accounts.d.x = 2")
        .resolve();
    assert_eq!(resolved.config.gateway.allowed_hosts, ["c"]);
    let account = &resolved.config.channels["c"].accounts["d"];
    assert_eq!(serde_json::json!(account.settings), serde_json::json!({"x": 2}));
    assert_eq!(resolved.origin("channels.c.accounts.d.x.y"), None);
}

#[test]
fn the_source_of_a_secret_replaces_any_other_source() {
    let resolved = Machine::new()
        .user("[secrets.a]\nenv = 'A'")
        .project("[secrets.a]\nfile = '/run/a'")
        .resolve();
    let source = &resolved.config.secrets["a"];
    assert_eq!(source.env, None);
    assert_eq!(source.file.as_deref(), Some(Path::new("/run/a")));
}

#[test]
fn origins_name_line_and_column_of_the_value() {
    let machine = Machine::new().user("# é\n[gateway]\nlisten = '127.0.0.1:1'\n");
    let resolved = machine.resolve();
    let origin = resolved.origin("gateway.listen").expect("it is set");
    assert_eq!(origin.file, Some(machine.user_file()));
    assert_eq!((origin.line, origin.column), (Some(3), Some(10)));

    // Columns count characters, and a byte order mark is none.
    let machine = Machine::new().user("\u{feff}channels.\"é\".accounts.a.b = 1");
    let resolved = machine.resolve();
    let origin = resolved.origin("channels.\"é\".accounts.a.b").expect("it is set");
    assert_eq!((origin.line, origin.column), (Some(1), Some(29)));
}

#[test]
fn an_account_without_settings_is_an_account() {
    let resolved = Machine::new().user("[channels.irc.accounts.main]").resolve();
    let account = &resolved.config.channels["irc"].accounts["main"];
    assert!(account.enabled);
    assert_eq!(layer(&resolved, "channels.irc.accounts.main.enabled"), Layer::Default);
}

#[test]
fn flags_may_quote_names_but_must_be_keys() {
    let resolved = Machine::new().flag("plugins.entries.\"a.b\".threads", 3).resolve();
    assert_eq!(resolved.config.plugins.entries["a.b"].threads, 3);
    for key in ["", "a..b", "a = 1 #", "a\nb", "a = {b", "[a]\nb", "a,", "\"", "#"] {
        let problems = Machine::new().flag(key, 3).problems();
        assert_eq!(places(&problems), [("LDR-CFG-NAME", 0, 0)], "{key:?}");
    }
}

//! What `config show` prints.

use super::*;

#[test]
fn text_has_one_line_for_each_setting_with_its_origin() {
    let machine = Machine::new()
        .user("gateway.listen = '127.0.0.1:1'\n[channels.a.accounts.b]\nc = \"x\\n\\\"\\u007f\"\nd = {}\n")
        .variable("LOADER__LOG__FILTER", "debug")
        .flag("gateway.max_body_bytes", 5);
    let text = machine.resolve().show_text();
    let user = machine.user_file();
    let user = user.display();
    let line = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} = ")));
        let (value, origin) = line.expect(key).split_once("   # ").expect(key);
        format!("{}   # {origin}", value.trim_end())
    };
    assert_eq!(
        line("gateway.listen"),
        format!("gateway.listen = \"127.0.0.1:1\"   # user {user}:1:18")
    );
    assert_eq!(
        line("channels.a.accounts.b.c"),
        format!("channels.a.accounts.b.c = \"x\\n\\\"\\u007F\"   # user {user}:3:5")
    );
    assert_eq!(
        line("channels.a.accounts.b.d"),
        format!("channels.a.accounts.b.d = {{}}   # user {user}:4:5")
    );
    assert_eq!(line("log.filter"), "log.filter = \"debug\"   # environment LOADER__LOG__FILTER");
    assert_eq!(line("gateway.max_body_bytes"), "gateway.max_body_bytes = 5   # flag");
    assert_eq!(line("models.default"), "models.default = \"echo/echo\"   # default");
    assert_eq!(text.lines().count(), machine.resolve().settings.len());
}

#[test]
fn text_is_itself_a_configuration() {
    let machine = Machine::new().user(
        "gateway.allowed_hosts = ['a']\nplugins.entries.\"a.b\".config.c = [{ d = 1 }, { 'e f' = [] }]",
    );
    let first = machine.resolve();
    let again = Machine::new().user(&first.show_text()).resolve();
    assert_eq!(again.config, first.config);
    assert!(again.warnings.is_empty());
}

#[test]
fn json_has_value_and_origin() {
    let machine = Machine::new().user("gateway.listen = '127.0.0.1:1'");
    let shown = machine.resolve().show_json();
    assert_eq!(
        shown["gateway.listen"],
        serde_json::json!({
            "value": "127.0.0.1:1",
            "origin": { "layer": "user", "file": machine.user_file(), "line": 1, "column": 18 },
        })
    );
    assert_eq!(
        shown["log.format"],
        serde_json::json!({ "value": "text", "origin": { "layer": "default" } })
    );
}

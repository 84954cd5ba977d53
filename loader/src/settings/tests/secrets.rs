//! No secret is in anything that is shown.

use super::*;

/// Settings with names that make them secrets.
const NAMES: [&str; 20] = [
    "token",
    "botToken",
    "access_token",
    "password",
    "sasl_password",
    "server-password",
    "passphrase",
    "secret",
    "client_secret",
    "secretKey",
    "api_key",
    "apiKey",
    "APIKEY",
    "key",
    "ssh-key",
    "private_key_pem",
    "credentials",
    "Authorization",
    "session_cookie",
    "pass",
];

fn shown(machine: &Machine) -> String {
    let resolved = machine.resolve();
    format!(
        "{}{}{:?}{}",
        resolved.show_text(),
        resolved.show_json(),
        resolved,
        say(&resolved.warnings)
    )
}

#[test]
fn secrets_are_shown_as_set() {
    for name in NAMES {
        for place in
            ["channels.irc.accounts.a", "plugins.entries.a.config", "plugins.entries.a.config.b"]
        {
            let machine = Machine::new().user(&format!("{place}.{name} = 'hunter2'"));
            let resolved = machine.resolve();
            assert_eq!(resolved.settings[&format!("{place}.{name}")].shown, "<set>");
            assert!(!shown(&machine).contains("hunter2"), "{name}");
        }
    }
}

#[test]
fn secrets_are_hidden_however_they_are_nested() {
    for value in [
        "token = 12345678",
        "token = 12345678.5",
        "tokens = ['12345678']",
        "credentials = { a = '12345678', b = [{ c = 12345678 }] }",
        "servers = [{ host = 'h', password = '12345678' }]",
        "servers = [[{ password = { value = '12345678' } }]]",
        "proxy = 'http://user:12345678@host/'",
        "proxies = ['socks5://user:12345678@host']",
    ] {
        let machine = Machine::new().user(&format!("[plugins.entries.a.config]\n{value}"));
        assert!(!shown(&machine).contains("12345678"), "{value}");
        assert!(shown(&machine).contains("<set>"), "{value}");
    }
}

#[test]
fn the_value_of_a_secret_is_hidden_and_its_source_is_not() {
    let machine = Machine::new()
        .user("[secrets]\na.value = 'hunter2'\ntoken.env = 'API_TOKEN'\nkey.file = '/run/key'");
    let resolved = machine.resolve();
    assert_eq!(resolved.settings["secrets.a.value"].shown, "<set>");
    assert_eq!(resolved.settings["secrets.token.env"].shown, "API_TOKEN");
    assert_eq!(resolved.settings["secrets.key.file"].shown, "/run/key");
    assert!(!shown(&machine).contains("hunter2"));
    assert_eq!(resolved.config.secrets["a"].value.as_deref(), Some("hunter2"));
}

#[test]
fn ordinary_settings_are_shown() {
    let machine = Machine::new().user(
        "[plugins.entries.token.config]\n\
         max_tokens = 100\nmonkey = 'm'\nkeyboard = 'k'\nurl = 'http://host:80/a@b:c'\n",
    );
    let resolved = machine.resolve();
    let value =
        |name: &str| &resolved.settings[&format!("plugins.entries.token.config.{name}")].shown;
    assert_eq!(value("max_tokens"), 100);
    assert_eq!(value("monkey"), "m");
    assert_eq!(value("keyboard"), "k");
    assert_eq!(value("url"), "http://host:80/a@b:c");
}

#[test]
fn variables_are_shown_as_they_were_written() {
    let machine = Machine::new()
        .variable("VARIABLE", "hunter2")
        .user("log.filter = '${VARIABLE}'\nplugins.entries.a.config.b = ['x${VARIABLE}']");
    let resolved = machine.resolve();
    assert_eq!(resolved.settings["log.filter"].shown, "${VARIABLE}");
    assert_eq!(resolved.settings["plugins.entries.a.config.b"].shown[0], "x${VARIABLE}");
    assert!(!resolved.show_text().contains("hunter2"));
    assert!(!resolved.show_json().to_string().contains("hunter2"));
    assert_eq!(resolved.config.log.filter, "hunter2");
}

#[test]
fn a_line_with_a_mistake_is_shown_without_its_secret() {
    for text in [
        "api_key = 'hunter2\n",
        "[secrets.a]\nvalue = 'hunter2\n",
        "[a]\nb = { password = 'hunter2' ]\n",
        "api_keys = [\n  'hunter2\n]\n",
        "api_keys = [\n  'a',\n  'hunter2\n]\n",
        "pem = '''\nhunter2=\n\u{1}\nhunter2 \u{1} = a\n'''\n",
        "password = 'a'\npassword = 'hunter2'\n",
        "url = 'http://me:hunter2@host\n",
        "token = hunter2\n",
        "password =\n'hunter2'\n",
        "a = { credentials = {\n  user = 'u',\n  value = 'hunter2\n} }\n",
    ] {
        let problems = Machine::new().user(text).problems();
        assert_eq!(problems[0].code, "LDR-CFG-SYNTAX", "{text}");
        assert!(!say(&problems).contains("hunter2"), "{text}\n{}", say(&problems));
        assert!(say(&problems).contains("<hidden>"), "{text}");
    }
}

#[test]
fn complaints_about_secrets_do_not_repeat_them() {
    let problems = Machine::new()
        .user("[secrets.a]\nvalue = 12345678\n[channels.a.accounts.b]\npassword = '${12345678'\n")
        .problems();
    assert!(problems.len() >= 2);
    assert!(!say(&problems).contains("12345678"), "{}", say(&problems));
}

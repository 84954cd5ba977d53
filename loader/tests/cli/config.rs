//! The configuration as the program shows and checks it.

use serde_json::json;

use crate::context::Context;

#[test]
fn show_says_where_each_value_comes_from() {
    let context = Context::new();
    context.write("home/.config/loader/loader.toml", "models.default = 'a/b'\n");
    context.write("project/loader.toml", "[log]\nfilter = 'warn'\nformat = 'json'\n");
    let mut command = context.command_alone(&["config", "show", "--set", "log.format=text"]);
    command.env("LOADER__GATEWAY__LISTEN", "127.0.0.1:1234");
    let outcome = context.outcome(&mut command);
    let lines: Vec<&str> = outcome.data().lines().collect();
    assert_eq!(
        lines[..2],
        [
            "# user file: [ROOT]/home/.config/loader/loader.toml",
            "# project file: [ROOT]/project/loader.toml",
        ]
    );
    for (key, origin) in [
        ("gateway.listen = \"127.0.0.1:1234\" ", "# environment LOADER__GATEWAY__LISTEN"),
        ("gateway.max_body_bytes = 1048576 ", "# default"),
        ("log.filter = \"warn\" ", "# project [ROOT]/project/loader.toml:2:10"),
        ("log.format = \"text\" ", "# flag"),
        ("models.default = \"a/b\" ", "# user [ROOT]/home/.config/loader/loader.toml:1:18"),
    ] {
        let fits = |line: &&&str| line.starts_with(key) && line.ends_with(origin);
        assert!(lines.iter().any(|line| fits(&line)), "{key}{origin}\n{outcome}");
    }
}

#[test]
fn show_is_data_too_and_hides_secrets() {
    let context = Context::new();
    context.write("project/loader.toml", "secrets.key.value = 'hunter2'\n");
    let outcome = context.run(&["config", "show", "--json"]);
    assert!(!outcome.data().contains("hunter2"), "{outcome}");
    let envelope = outcome.json();
    assert_eq!(envelope["schema"], "loader.config.show/1");
    let data = &envelope["data"];
    assert_eq!(
        data["files"],
        json!([{ "layer": "project", "path": "[ROOT]/project/loader.toml" }])
    );
    assert_eq!(data["settings"]["secrets.key.value"]["value"], "<set>");
    let origin = json!({ "value": "[ROOT]/plugins", "origin": { "layer": "flag" } });
    assert_eq!(data["settings"]["plugins.bundled_dir"], origin);
}

#[test]
fn options_are_short_for_settings_and_set_overrides_them() {
    let context = Context::new();
    let show = |arguments: &[&str]| {
        let outcome = context.run(&[&["config", "show", "--json"], arguments].concat());
        outcome.json()["data"]["settings"]["log.filter"].clone()
    };
    assert_eq!(show(&[])["origin"]["layer"], "default");
    assert_eq!(show(&["-q"]), json!({ "value": "error", "origin": { "layer": "flag" } }));
    assert_eq!(show(&["-v"])["value"], "info,loader=debug,plugin=debug");
    assert_eq!(show(&["-vv"])["value"], "debug,loader=trace,plugin=trace");
    assert_eq!(show(&["-v", "--set", "log.filter=off"])["value"], "off");
}

#[test]
fn validate_accepts_what_is_right() {
    let context = Context::with_plugins();
    context.write("project/loader.toml", "log.filter = 'warn'\n");
    assert_eq!(
        context.run(&["config", "validate"]).data(),
        "The configuration is valid: 41 settings, 1 file, 2 plugins.\n"
    );
    let envelope = context.run(&["config", "validate", "--json"]).json();
    assert_eq!(envelope["schema"], "loader.config.validate/1");
    assert_eq!(envelope["data"], json!({ "settings": 41, "files": 1, "plugins": 2 }));
}

#[test]
fn what_cannot_be_used_ends_every_command_with_all_that_is_wrong() {
    let context = Context::new();
    context.write("project/loader.toml", "[gateway]\nlisten = 5\nport = 1\nmax_body_bytes = 'a'\n");
    let expected = "\
exit: 3
-- stdout
-- stderr
warning[LDR-CFG-UNKNOWN-KEY]: unknown key `gateway.port`
  --> [ROOT]/project/loader.toml:3:1
  hint: it is ignored: the keys known there are `allowed_hosts`, `drain_timeout_ms`, `listen`, `max_body_bytes`, `request_timeout_ms`
error[LDR-CFG-TYPE]: `gateway.listen` is an integer, but an address such as `127.0.0.1:7280` is wanted
  --> [ROOT]/project/loader.toml:2:10
  hint: put the value in quotes
error[LDR-CFG-TYPE]: `gateway.max_body_bytes` is a string, but an integer is wanted
  --> [ROOT]/project/loader.toml:4:18
  hint: for example, `gateway.max_body_bytes = 1048576`
";
    for arguments in
        [&["config", "validate"][..], &["config", "show"], &["plugins", "list"], &["run"]]
    {
        assert_eq!(context.run(arguments).to_string(), expected, "{arguments:?}");
    }
    let outcome = context.run(&["config", "validate", "--json"]);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(3), ""), "{outcome}");
    let envelope = outcome.json();
    assert_eq!(envelope["ok"], false);
    assert_eq!(envelope["error"], envelope["errors"][0]);
    assert_eq!(
        envelope["error"]["place"],
        json!({
            "path": "[ROOT]/project/loader.toml",
            "line": 2,
            "column": 10,
        })
    );
    let codes = |list: &str| -> Vec<_> {
        let list = envelope[list].as_array().expect("a list").iter();
        list.map(|one| one["code"].as_str().expect("a code").to_owned()).collect()
    };
    assert_eq!(codes("errors"), ["LDR-CFG-TYPE", "LDR-CFG-TYPE"]);
    assert_eq!(codes("warnings"), ["LDR-CFG-UNKNOWN-KEY"]);
}

#[test]
fn validate_checks_what_only_a_start_would_find() {
    let context = Context::with_plugins();
    for (setting, code) in [
        ("log.filter='info,loader=loud'", "LDR-CFG-LOG-FILTER"),
        ("gateway.allowed_hosts=['not a host']", "LDR-HTTP-ALLOWED-HOST"),
    ] {
        let outcome = context.run(&["config", "validate", "--json", "--set", setting]);
        assert_eq!(outcome.code, Some(3), "{outcome}");
        assert_eq!(outcome.json()["error"]["code"], code);
        // The start finds the same.
        let start = context.run(&["run", "--listen", "127.0.0.1:0", "--json", "--set", setting]);
        assert_eq!((start.code, &start.json()["error"]), (Some(3), &outcome.json()["error"]));
    }
}

#[test]
fn validate_checks_a_plugins_configuration_against_its_schema() {
    let context = Context::with_plugins();
    let manifest = context.plugins().join("hello/plugin.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let text = format!("{text}\n[config]\nschema = \"config.schema.json\"\n");
    std::fs::write(&manifest, text).expect("a manifest");
    let schema = json!({ "properties": { "greeting": { "type": "string" } } });
    context.write("plugins/hello/config.schema.json", schema.to_string());
    let validate = |value: &str| {
        let setting = format!("plugins.entries.hello.config.greeting={value}");
        context.run(&["config", "validate", "--set", &setting])
    };
    validate("hi").data();
    let outcome = validate("77123");
    assert_eq!((outcome.code, &*outcome.stdout), (Some(3), ""), "{outcome}");
    assert!(outcome.stderr.starts_with("error[LDR-CONFIG-PLUGIN]: hello: "), "{outcome}");
    assert!(outcome.stderr.contains("plugins.entries.\"hello\".config.greeting"), "{outcome}");
    assert!(!outcome.stderr.contains("77123"), "a value may be a secret\n{outcome}");
}

#[test]
fn validate_warns_of_names_that_nothing_has() {
    let context = Context::with_plugins();
    context.write(
        "project/loader.toml",
        "\
models.default = 'ecko/echo'
[plugins.entries.helo]
[channels.irc.accounts.home]
password = 'secret:irc'
",
    );
    let outcome = context.run(&["config", "validate"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        outcome.stderr,
        "\
warning[LDR-CFG-NAMES-NOTHING]: `plugins.entries.helo` names the plugin `helo`, which was not found
  hint: did you mean `hello`?
warning[LDR-CFG-NAMES-NOTHING]: `channels.irc` names the channel `irc`, which no plugin that is on provides
  hint: see what there is: loader plugins list
warning[LDR-CFG-NAMES-NOTHING]: `models.default` names the provider `ecko`, which no plugin that is on provides
  hint: did you mean `echo`?
warning[LDR-CFG-SECRET]: `channels.irc.accounts.home` refers to the secret `irc`, which has no place
  hint: say where it is in loader.toml: [secrets.\"irc\"] with `env`, `file` or `value`
"
    );
}

#[test]
fn the_schema_is_a_json_schema() {
    let context = Context::new();
    let outcome = context.run(&["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(outcome.data()).expect("it is JSON");
    assert_eq!(schema["title"], "loader.toml");
    assert_eq!(context.run(&["config", "schema", "--json"]).json()["data"], schema);
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let context = Context::new();
    let mut command = context.command(&["config", "schema"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let outcome = context.outcome(command.stdout(writer));
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{outcome}");
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let context = Context::new();
    let mut command = context.command(&["config", "schema"]);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let outcome = context.outcome(command.stdout(full));
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stderr.starts_with("error[LDR-OUTPUT]: "), "{outcome}");
}

#[test]
fn colours_are_for_terminals_and_whoever_asks_for_them() {
    let context = Context::new();
    let stderr =
        |arguments: &[&str]| context.run(&[&["plugins", "list"], arguments].concat()).stderr;
    assert!(!stderr(&[]).contains('\u{1b}'));
    assert!(!stderr(&["--color", "never"]).contains('\u{1b}'));
    assert!(stderr(&["--color", "always"]).starts_with("\u{1b}["));
}

//! Plugins as they are seen without running any of their code.

use std::fs;

use serde_json::json;

use crate::context::Context;

#[test]
fn list_says_what_would_be_loaded() {
    let context = Context::with_plugins();
    assert_eq!(
        context.run(&["plugins", "list"]).data(),
        "\
ID     VERSION  STATUS  KIND    PROVIDES                              ORIGIN
echo   0.1.0    ok      plugin  health/1:echo, text-inference/1:echo  bundled
hello  0.1.0    ok      plugin  health/1:hello, http-route/1:hello    bundled
"
    );
}

#[test]
fn list_is_data_too() {
    let context = Context::with_plugins();
    let outcome = context.run(&["plugins", "list", "--json", "--set", "plugins.deny=['echo']"]);
    outcome.data();
    assert_eq!(
        outcome.json(),
        json!({
            "schema": "loader.plugins.list/1",
            "ok": true,
            "data": { "plugins": [
                {
                    "id": "echo",
                    "kind": "plugin",
                    "version": "0.1.0",
                    "name": "echo",
                    "description": "A deterministic text provider: answers with what it was told.",
                    "status": "disabled",
                    "signal": "config-valid",
                    "shape": "plain-capability",
                    "reason": "plugins.deny names `echo`",
                    "provides": ["health/1:echo", "text-inference/1:echo"],
                    "skills": [],
                    "origin": "bundled",
                    "folder": "[ROOT]/plugins/echo",
                    "diagnostics": [],
                },
                {
                    "id": "hello",
                    "kind": "plugin",
                    "version": "0.1.0",
                    "name": "hello",
                    "description": "Says hello over HTTP: the tutorial's plugin.",
                    "status": "ok",
                    "signal": "config-valid",
                    "shape": "non-capability",
                    "reason": "on by default",
                    "provides": ["health/1:hello", "http-route/1:hello"],
                    "skills": [],
                    "origin": "bundled",
                    "folder": "[ROOT]/plugins/hello",
                    "diagnostics": [],
                },
            ], "index": null },
            "warnings": [],
        })
    );
}

#[test]
fn a_plugin_that_is_unfit_is_refused_with_its_reason_and_the_others_are_not() {
    let context = Context::with_plugins();
    let library = context.plugins().join("hello/libhello.so");
    let bytes = fs::read(&library).expect("a library");
    fs::write(&library, &bytes[..bytes.len() / 2]).expect("half a library");
    let outcome = context.run(&["plugins", "list"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("hello  0.1.0    refused"), "{outcome}");
    assert!(outcome.stdout.contains("echo   0.1.0    ok"), "{outcome}");
    assert!(outcome.stderr.starts_with("error[LDR-"), "{outcome}");
    assert!(outcome.stderr.contains("--> [ROOT]/plugins/hello/libhello.so\n  hint: "), "{outcome}");

    let inspected = context.run(&["plugins", "inspect", "hello", "--json"]).json();
    assert_eq!(inspected["data"]["status"], "refused");
    assert_eq!(inspected["data"]["library"], json!(null));
    assert_eq!(inspected["data"]["diagnostics"][0]["severity"], "error");
}

#[test]
fn no_plugin_at_all_is_a_warning_with_a_hint() {
    let context = Context::new();
    let outcome = context.run(&["plugins", "list"]);
    assert_eq!(
        outcome.to_string(),
        "\
exit: 0
-- stdout
-- stderr
warning[LDR-PLUGINS-NONE]: no plugin was found in [ROOT]/home/.local/share/loader/plugins, [ROOT]/plugins
  hint: name the folder they are in with `--plugins-dir DIR`
"
    );
    assert_eq!(context.run(&["-q", "plugins", "list"]).data(), "");
}

#[test]
fn inspect_shows_manifest_and_library() {
    let context = Context::with_plugins();
    let outcome = context.run(&["plugins", "inspect", "hello"]);
    let lines: Vec<&str> = outcome.data().lines().collect();
    for expected in [
        "plugin       hello 0.1.0",
        "description  Says hello over HTTP: the tutorial's plugin.",
        "status       ok (on by default)",
        "shape        non-capability",
        "provides     health/1:hello",
        "             http-route/1:hello",
        "licence      MIT OR Apache-2.0",
        "origin       bundled",
        "manifest     [ROOT]/plugins/hello/plugin.toml",
        "interface    1.0",
        "on panic     unwind",
    ] {
        assert!(lines.contains(&expected), "{expected}\n{outcome}");
    }
    for name in ["library", "digest", "built with", "compiler", "target"] {
        assert!(lines.iter().any(|line| line.starts_with(name)), "{name}\n{outcome}");
    }
}

#[test]
fn inspect_is_data_too() {
    let context = Context::with_plugins();
    let envelope = context.run(&["plugins", "inspect", "hello", "--json"]).json();
    assert_eq!(envelope["schema"], "loader.plugins.inspect/1");
    let data = &envelope["data"];
    assert_eq!((&data["id"], &data["status"]), (&json!("hello"), &json!("ok")));
    assert_eq!(
        data["decision"],
        json!({ "enabled": true, "outcome": "enabled", "reason": "on by default" })
    );
    assert_eq!(data["manifest"]["licence"], "MIT OR Apache-2.0");
    assert_eq!(data["manifest_path"], "[ROOT]/plugins/hello/plugin.toml");
    let library = &data["library"];
    assert_eq!(library["facts"]["abi"], "1.0");
    assert_eq!(library["facts"]["plugins"][0]["id"], "hello");
    assert_eq!(library["digest"].as_str().map(str::len), Some(64));
    assert!(library["bytes"].as_u64().is_some_and(|bytes| bytes > 0));
}

#[test]
fn inspect_of_what_does_not_exist_says_what_does() {
    let context = Context::with_plugins();
    assert_eq!(
        context.run(&["plugins", "inspect", "helo"]).to_string(),
        "\
exit: 4
-- stdout
-- stderr
error[LDR-PLUGINS-UNKNOWN]: no plugin `helo` was found
  looked in [ROOT]/home/.local/share/loader/plugins (user) does not exist
  looked in [ROOT]/plugins (bundled) holds 2 plugins, none of this id
  hint: did you mean `hello`?
"
    );
    let outcome = context.run(&["plugins", "inspect", "x", "--json"]);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(4), ""), "{outcome}");
    let error = json!({
        "code": "LDR-PLUGINS-UNKNOWN",
        "severity": "error",
        "message": "no plugin `x` was found",
        "looked_in": [
            {
                "path": "[ROOT]/home/.local/share/loader/plugins",
                "origin": "user",
                "outcome": "does not exist",
            },
            {
                "path": "[ROOT]/plugins",
                "origin": "bundled",
                "outcome": "holds 2 plugins, none of this id",
            },
        ],
        "hint": "see which there are: loader plugins list",
    });
    assert_eq!(
        outcome.json(),
        json!({
            "schema": "loader.plugins.inspect/1",
            "ok": false,
            "error": error,
            "errors": [error],
            "warnings": [],
        })
    );
}

#[test]
fn a_plugin_that_is_nowhere_was_looked_for_in_each_root_in_order() {
    let context = Context::with_plugins();
    context.write("plugins/broken/plugin.toml", "manifest = 2\n");
    let one = context.write("one/README", "no plugin\n").parent().expect("a folder").to_owned();
    let paths = [one.clone(), one.with_file_name("two")];
    let setting = format!("[plugins]\nload_paths = {paths:?}\n");
    context.write("home/.config/loader/loader.toml", setting);
    let looked = "\
  looked in [ROOT]/one (config) holds no plugin
  looked in [ROOT]/two (config) does not exist
  looked in [ROOT]/home/.local/share/loader/plugins (user) does not exist
  looked in [ROOT]/plugins (bundled) holds 2 plugins, none of this id; LDR-MANIFEST-FORMAT: the manifest has format 2; this loader reads format 1 [[ROOT]/plugins/broken/plugin.toml:1:12]
";
    for command in ["inspect", "audit", "deny", "doctor"] {
        let id = if command == "doctor" { "--plugin=ekho" } else { "ekho" };
        let outcome = context.run(&["plugins", command, id]);
        assert_eq!(outcome.code, Some(4), "{outcome}");
        assert!(outcome.stderr.contains(looked), "{command}\n{outcome}");
        assert!(outcome.stderr.ends_with("hint: did you mean `echo`?\n"), "{outcome}");
    }
    let outcome = context.run(&["plugins", "update", "ekho"]);
    assert_eq!(outcome.code, Some(4), "{outcome}");
    assert_eq!(
        outcome.stderr,
        "\
error[LDR-INSTALL-UNKNOWN]: ekho: `ekho` is not installed: nothing is
  --> [ROOT]/home/.local/share/loader/plugins
  hint: loader plugins list
"
    );
}

#[test]
fn inspect_of_a_plugin_whose_manifest_is_broken_says_where() {
    let context = Context::with_plugins();
    context.write("plugins/broken/plugin.toml", "manifest = 1\nid = \"broken\"\nversion = 1\n");
    let outcome = context.run(&["plugins", "inspect", "broken"]);
    assert_eq!((outcome.code, &*outcome.stdout), (Some(1), ""), "{outcome}");
    assert!(outcome.stderr.contains("--> [ROOT]/plugins/broken/plugin.toml:3:"), "{outcome}");
    assert!(context.run(&["plugins", "list"]).stdout.contains("hello  0.1.0    ok"));
}

#[test]
fn neither_a_project_nor_the_environment_can_bring_code_along() {
    let context = Context::new();
    let elsewhere = Context::with_plugins();
    let folder = elsewhere.plugins();
    let setting = format!("plugins.load_paths = [{folder:?}]");
    let count = |outcome: crate::context::Outcome| {
        let count = outcome.json()["data"]["plugins"].as_array().map(Vec::len);
        (count, outcome.json()["warnings"][0]["code"].clone())
    };
    let ignored = (Some(0), json!("LDR-CFG-UNTRUSTED"));

    let file = context.write("elsewhere.toml", &setting);
    let list = ["plugins", "list", "--json"];
    let named_by_variable = |name: &str, value: &std::ffi::OsStr| {
        let mut command = context.command(&list);
        count(context.outcome(command.env(name, value)))
    };
    assert_eq!(named_by_variable("LOADER_CONFIG", file.as_os_str()), ignored);
    let value = format!("[{folder:?}]");
    assert_eq!(named_by_variable("LOADER__PLUGINS__LOAD_PATHS", value.as_ref()), ignored);
    context.write("project/loader.toml", &setting);
    assert_eq!(count(context.run(&list)), ignored);

    // The user can, by naming it.
    let named = context.run(&["plugins", "list", "--json", "--config", "../elsewhere.toml"]);
    assert_eq!(count(named), (Some(2), json!(null)));
}

//! `loader doctor`: what is wrong and how to mend it, in lines a person can act on.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::context::Context;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_sound_machine_is_healthy_and_every_check_says_what_it_looks_at() {
    let context = Context::with_plugins();
    let envelope = context.run(&["doctor", "--json"]).json();
    assert_eq!((&envelope["schema"], &envelope["ok"]), (&"loader.doctor/1".into(), &true.into()));
    let data = &envelope["data"];
    assert_eq!(data["healthy"], true);
    let checks = data["checks"].as_array().expect("checks");
    let ids: BTreeSet<_> =
        checks.iter().map(|check| check["id"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), checks.len(), "each has an id of its own");
    for check in checks {
        assert_ne!(check["grade"], "failed", "{check:#}");
        for text in ["description", "looks_at"] {
            assert!(check[text].as_str().is_some_and(|text| !text.is_empty()), "{check:#}");
        }
    }
    let plugins = data["plugins"].as_array().expect("plugins").iter();
    let said: Vec<_> = plugins.map(|one| (&one["id"], &one["status"], &one["signal"])).collect();
    let sound = (&"ok".into(), &"config-valid".into());
    let wanted = [(&"echo".into(), sound.0, sound.1), (&"hello".into(), sound.0, sound.1)];
    assert_eq!(said, wanted);
    assert!(!context.state().exists(), "nothing is made by looking");
}

#[test]
fn a_defect_is_one_line_with_code_place_and_command_and_can_be_mended() {
    let context = Context::with_plugins();
    let library = context.plugins().join("hello/libhello.so");
    chmod(&library, 0o666);
    let outcome = context.run(&["doctor", "--only-failed"]);
    let text = outcome.to_string();
    assert!(text.starts_with("exit: 1\n"), "{text}");
    assert_eq!(outcome.stderr, "", "nothing is said twice");
    let line = text.lines().find(|line| line.contains("LDR-VET-MODE")).expect("a line");
    assert!(
        line.contains("[ROOT]/plugins/hello/libhello.so: can be changed by other users"),
        "{line}"
    );
    assert!(line.ends_with("=> chmod go-w [ROOT]/plugins/hello/libhello.so"), "{line}");
    assert!(!text.contains("state.folder"), "what is well is not shown: {text}");

    let planned = context.run(&["doctor", "--fix", "--dry-run"]).to_string();
    assert!(planned.starts_with("exit: 1\n"), "{planned}");
    assert!(
        planned.contains("would run: chmod go-w [ROOT]/plugins/hello/libhello.so\n"),
        "{planned}"
    );
    assert_eq!(mode(&library), 0o666, "nothing was done");

    let mended = context.run(&["doctor", "--fix"]).to_string();
    assert!(mended.starts_with("exit: 0\n"), "{mended}");
    assert!(mended.contains("runs: chmod go-w [ROOT]/plugins/hello/libhello.so\n"), "{mended}");
    assert_eq!(mode(&library), 0o644);
}

#[test]
fn one_plugin_is_judged_alone_and_the_same_by_every_command() {
    let context = Context::with_plugins();
    chmod(&context.plugins().join("hello/plugin.toml"), 0o666);
    let sound = context.run(&["doctor", "--plugin", "echo", "--json"]).json();
    assert_eq!(sound["data"]["healthy"], true, "what is wrong with another is not its matter");
    let doctor = context.run(&["doctor", "--plugin", "hello", "--json"]).json();
    let of_plugins = context.run(&["plugins", "doctor", "--json"]).json();
    let inspect = context.run(&["plugins", "inspect", "hello", "--json"]).json();
    let ours = |said: &serde_json::Value| {
        let plugins = said["data"]["plugins"].as_array().expect("plugins").iter();
        plugins.into_iter().find(|one| one["id"] == "hello").expect("hello").clone()
    };
    for said in [ours(&doctor), ours(&of_plugins), inspect["data"].clone()] {
        assert_eq!((&said["status"], &said["signal"]), (&"refused".into(), &"hard-error".into()));
    }
    let sections = of_plugins["data"]["checks"].as_array().expect("checks").iter();
    let sections: BTreeSet<_> = sections.map(|check| check["section"].as_str()).collect();
    assert_eq!(sections, [Some("plugins"), Some("trust")].into());

    let unknown = context.run(&["doctor", "--plugin", "helo"]).to_string();
    assert!(unknown.starts_with("exit: 4\n"), "{unknown}");
    assert!(unknown.contains("LDR-PLUGINS-UNKNOWN"), "{unknown}");
}

#[test]
fn without_a_configuration_nothing_else_is_looked_at() {
    let context = Context::with_plugins();
    context.write("project/loader.toml", "plugins = [");
    let envelope = context.run(&["doctor", "--json"]).json();
    assert_eq!(envelope["data"]["healthy"], false);
    assert_eq!(
        (&envelope["ok"], &envelope["error"]["code"]),
        (&false.into(), &"LDR-CFG-SYNTAX".into())
    );
    let checks = envelope["data"]["checks"].as_array().expect("checks");
    for (number, check) in checks.iter().enumerate() {
        let grade = if number == 0 { "failed" } else { "skipped" };
        assert_eq!(check["grade"], grade, "{check:#}");
    }
    assert_eq!(checks[0]["findings"][0]["code"], "LDR-CFG-SYNTAX");
}

//! Choosing a channel: those that are here, and those that a catalogue tells of.

use std::fs;

use serde_json::{Value, json};

use crate::context::Context;

/// A machine with a catalogue of another program's shape: `[ROOT]/catalog.json`.
fn with_catalogue() -> Context {
    let context = Context::with_plugins();
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/catalog/nextcloud-talk.json");
    let catalogue = fs::read_to_string(repository).expect("the catalogue");
    let path = context.write("catalog.json", catalogue);
    let config = format!("plugins.catalogues = [{path:?}]\n");
    context.write("home/.config/loader/loader.toml", config);
    context
}

/// Gives `hello` a channel, which only the manifest speaks of.
fn add_channel(context: &Context, channel: &str) {
    let manifest = context.plugins().join("hello/plugin.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(manifest, format!("{text}\"channel/1\" = [{channel}]\n")).expect("a manifest");
}

fn ids(envelope: &Value) -> Vec<&str> {
    let channels = envelope["data"]["channels"].as_array().expect("channels");
    channels.iter().map(|channel| channel["id"].as_str().expect("an id")).collect()
}

#[test]
fn a_catalogue_adds_nextcloud_talk_to_the_picker_with_its_exposure_rules() {
    let context = with_catalogue();
    let shown = context.run(&["channels", "list"]);
    // The columns are as wide as the folder's real name.
    let cells = |line: &str| {
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let lines: Vec<_> = shown.data().lines().map(cells).collect();
    assert_eq!(lines[0], ["CHANNEL", "NAME", "SOURCE", "TO USE IT"]);
    assert_eq!(
        lines[1],
        [
            "nextcloud-talk",
            "Nextcloud Talk (self-hosted)",
            "catalogue [ROOT]/catalog.json",
            "loader plugins install nextcloud-talk"
        ]
    );
    assert_eq!(lines.len(), 2);
    assert_eq!(context.run(&["channels", "available"]), shown);
    let envelope = context.run(&["channels", "list", "--json"]).json();
    assert_eq!(envelope["schema"], "loader.channels.list/1");
    assert_eq!(ids(&envelope), ["nextcloud-talk"]);
    let talk = &envelope["data"]["channels"][0];
    assert_eq!(talk["label"], "Nextcloud Talk");
    assert_eq!(talk["docs_path"], "/channels/nextcloud-talk");
    assert_eq!(talk["blurb"], "Self-hosted chat via Nextcloud Talk webhook bots.");
    assert_eq!((&talk["order"], &talk["aliases"]), (&json!(65), &json!(["nc-talk", "nc"])));
    assert_eq!(talk["exposure"], json!({ "configured": false, "setup": true, "docs": true }));
    assert_eq!(talk["command"], "loader plugins install nextcloud-talk");
    // What does not want to be set up is shown to those who insist.
    let all = context.run(&["channels", "list", "--all", "--json"]).json();
    assert_eq!(ids(&all), ["nextcloud-talk", "qa-channel"]);
    assert_eq!(all["data"]["channels"][1]["command"], Value::Null);
    // Nor among those that have accounts, what does not want to be there.
    let accounts = ["--set", "channels.nextcloud-talk.accounts.home.url='http://h'"];
    let configured = |more: &[&str]| {
        let arguments = [&["channels", "list", "--configured", "--json"], more, &accounts].concat();
        context.run(&arguments).json()
    };
    assert_eq!(ids(&configured(&[])), [""; 0]);
    assert_eq!(ids(&configured(&["--all"])), ["nextcloud-talk"]);
}

#[test]
fn a_plugin_that_is_here_hides_what_a_catalogue_says_and_no_library_is_opened() {
    let context = with_catalogue();
    add_channel(
        &context,
        "{ id = \"nextcloud-talk\", label = \"Ours\" }, { id = \"a.b\", order = 1 }",
    );
    // The library does not say so, which is the gate's matter.
    let envelope = context.run(&["channels", "list", "--json"]).json();
    assert_eq!(ids(&envelope), ["a.b", "nextcloud-talk"]);
    let talk = &envelope["data"]["channels"][1];
    assert_eq!((&talk["label"], &talk["plugin"]), (&json!("Ours"), &json!("hello")));
    assert_eq!(talk["source"], json!({ "kind": "plugin", "loadable": false }));
    assert_eq!(talk["command"], "loader plugins inspect hello");
    assert_eq!(context.run(&["plugins", "inspect", "hello"]).code, Some(0));
}

#[test]
fn a_channel_that_is_here_says_how_to_set_it_up() {
    let context = Context::new();
    context.install("irc");
    let schema = "irc/account.schema.json";
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/");
    fs::copy(format!("{source}{schema}"), context.plugins().join(schema)).expect("a copy");
    let next = |more: &[&str]| {
        let outcome = context.run(&[&["channels", "list"], more].concat());
        outcome.data().lines().nth(1).expect("a line").to_owned()
    };
    assert!(next(&[]).ends_with("plugin irc  loader channels add irc KEY=VALUE…"));
    let accounts = ["--set", "channels.irc.accounts.libera.host='irc.libera.chat'"];
    assert!(next(&accounts).ends_with("plugin irc  it has accounts"));
    let off = ["--set", "plugins.entries.irc.enabled=false"];
    assert!(next(&off).ends_with("plugin irc  loader plugins inspect irc"));
}

#[test]
fn no_variable_names_a_catalogue() {
    let context = Context::new();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/catalog/nextcloud-talk.json");
    let mut command = context.command(&["channels", "list", "--json"]);
    for name in ["LOADER_PLUGIN_CATALOG_PATHS", "LOADER_MPM_CATALOG_PATHS"] {
        command.env(name, path);
    }
    command.env("LOADER__PLUGINS__CATALOGUES", format!("[{path:?}]"));
    let envelope = context.outcome(&mut command).json();
    assert_eq!(ids(&envelope), [""; 0]);
    // A flag does.
    let flag = format!("plugins.catalogues=[{path:?}]");
    assert_eq!(
        ids(&context.run(&["channels", "list", "--json", "--set", &flag]).json()),
        ["nextcloud-talk"]
    );
}

#[test]
fn a_card_that_makes_no_sense_is_a_warning() {
    let context = with_catalogue();
    let entries = json!({ "entries": [
        { "name": "odd", "channel": { "order": "first" } },
        { "name": "old", "channel": { "showInSetup": false } },
    ] });
    context.write("catalog.json", entries.to_string());
    let outcome = context.run(&["channels", "list"]);
    assert_eq!((outcome.code, &*outcome.stdout), (Some(0), ""), "{outcome}");
    for code in ["LDR-CHANNEL-CARD", "LDR-LEGACY-EXPOSURE"] {
        assert!(outcome.stderr.contains(&format!("warning[{code}]: ")), "{outcome}");
    }
    assert!(outcome.stderr.contains("--> [ROOT]/catalog.json"), "{outcome}");
}

//! Two plugins that claim the same of every kind: what is said of it, everywhere in the same words, and who
//! serves.

use integration_tests::{Home, build, client::Client, gateway::Gateway};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

/// The codes of the clashes that two vendors have: of a route, the id and the prefix.
const CODES: [&str; 9] = [
    "LDR-CONFLICT-ALIAS",
    "LDR-CONFLICT-CHAT-COMMAND",
    "LDR-CONFLICT-COMMAND",
    "LDR-CONFLICT-HOOK",
    "LDR-CONFLICT-PROVIDER",
    "LDR-CONFLICT-ROUTE",
    "LDR-CONFLICT-ROUTE",
    "LDR-CONFLICT-SPEECH",
    "LDR-CONFLICT-TOOL",
];

/// A pack of one plugin, the fixture `vendor`, below a folder: its id is `<pack>/vendor`.
fn vendor(folder: &Path, pack: &str) {
    let folder = folder.join(pack);
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(build::library("vendor"), folder.join("libvendor.so")).expect("a copy");
    let own = fs::read_to_string(build::crate_folder("vendor").join("plugin.toml"));
    let own = own.expect("a manifest");
    let (_, provides) = own.split_once("[provides]").expect("what it provides");
    let manifest = format!(
        "manifest = 1\nid = \"{pack}\"\nversion = \"0.1.0\"\nabi = \"1.0\"\n\
         [library]\npath = \"libvendor.so\"\n[[extensions]]\nid = \"vendor\"\n\
         [extensions.provides]{provides}"
    );
    fs::write(folder.join("plugin.toml"), manifest).expect("a manifest");
}

/// A plugin that wants to be called by a vendor's name too.
fn customer(home: &Home) {
    let manifest = home.add("customer").join("plugin.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let wanted = "prefix = \"/customer\", aliases = [\"vendor\"]";
    fs::write(&manifest, text.replace("prefix = \"/customer\"", wanted)).expect("a manifest");
}

fn loader(home: &Home, more: &[&str], arguments: &[&str]) -> Output {
    let mut command = Command::new(build::loader());
    command.arg("--state-dir").arg(home.state()).arg("--plugins-dir").arg(home.plugins());
    command.args(more).args(arguments).env_clear().env("HOME", home.state());
    command.output().expect("it can be run")
}

fn data(output: &Output) -> Value {
    let envelope: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    match envelope["data"].is_null() {
        true => envelope["error"].clone(),
        false => envelope["data"].clone(),
    }
}

/// Every clash in a value: code, severity, message and hint.
fn clashes(value: &Value) -> BTreeSet<[String; 4]> {
    let mut found = BTreeSet::new();
    match value {
        Value::Array(values) => values.iter().for_each(|value| found.extend(clashes(value))),
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
            if text("code").starts_with("LDR-CONFLICT-") {
                let keys = ["code", "severity", "message", "hint"];
                found.insert(keys.map(|key| text(key).to_owned()));
            }
            map.values().for_each(|value| found.extend(clashes(value)));
        }
        _ => {}
    }
    found
}

/// What doctor, inspect, list, status and the log say of clashes; they all say the same.
async fn said_everywhere(home: &Home, more: &[&str]) -> BTreeSet<[String; 4]> {
    let mut gateway = Gateway::start_with(home, "", more).await;
    let said = tokio::task::block_in_place(|| {
        let status = clashes(&data(&loader(home, more, &["status", "--all", "--json"])));
        let doctor = clashes(&data(&loader(home, more, &["plugins", "doctor", "--json"])));
        let list = clashes(&data(&loader(home, more, &["plugins", "list", "--json"])));
        let mut inspected = BTreeSet::new();
        for id in ["one/vendor", "two/vendor", "customer"] {
            let output = loader(home, more, &["plugins", "inspect", id, "--json"]);
            inspected.extend(clashes(&data(&output)));
        }
        assert_eq!(status, doctor);
        assert_eq!(status, list);
        assert_eq!(status, inspected);
        status
    });
    let log = gateway.log().join("\n");
    for [code, _, message, _] in &said {
        assert!(log.contains(code) && log.contains(message), "{code} is not in the log:\n{log}");
    }
    winners_serve(&gateway).await;
    gateway.process.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    said
}

/// Whoever has what is claimed answers, by every way.
async fn winners_serve(gateway: &Gateway) {
    let mut client = Client::connect(gateway).await;
    let answer = client.get("/vendor/x").await.expect("an answer");
    assert_eq!(answer.body, "vendor at /x");
    let answer = client.get("/customer/ask").await.expect("an answer");
    assert_eq!(answer.json()[0], "SO BE IT", "the loser of an alias serves all the same");
    let request = json!({ "tool": "weigh", "arguments": { "text": "abc" } });
    let answer = client.post("/v1/capabilities/tool/1/call", &request).await.expect("an answer");
    assert_eq!(answer.json()["content"], "3 letters");
    let voices = client.post("/v1/capabilities/speech/1/voices", &json!(null)).await;
    assert_eq!(voices.expect("an answer").json()["voices"].as_array().map(Vec::len), Some(1));
    let request = json!({ "name": "greet", "arguments": "hello", "sender": "you" });
    let answer = client.post("/v1/capabilities/chat-command/1/run", &request).await.expect("one");
    assert_eq!(answer.json()["text"], "Dear you, hello!");
    let models = client.get("/v1/models").await.expect("an answer").json();
    assert_eq!(models["data"].as_array().map(Vec::len), Some(1), "{models:#}");
}

fn codes(said: &BTreeSet<[String; 4]>) -> Vec<&str> {
    said.iter().map(|[code, ..]| code.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn within_one_origin_clashes_are_errors_and_the_first_id_serves() {
    let home = Home::new();
    vendor(&home.plugins(), "two");
    vendor(&home.plugins(), "one");
    customer(&home);
    let said = said_everywhere(&home, &[]).await;
    assert_eq!(codes(&said), CODES);
    for [code, severity, message, hint] in &said {
        assert_eq!(severity, "error", "{code}");
        let owner = if code.ends_with("ALIAS") { "customer" } else { "two/vendor" };
        assert!(message.contains("`one/vendor`") && message.contains(&format!("`{owner}`")));
        assert!(message.ends_with("`one/vendor` keeps it"), "{message}");
        assert!(hint.contains("plugins.deny"), "{hint}");
    }
    let doctor = loader(&home, &[], &["plugins", "doctor"]);
    assert_eq!(doctor.status.code(), Some(1), "an error among the findings");
    let ran = loader(&home, &[], &["vend"]);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "sold\n", "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn across_origins_clashes_are_warnings_and_the_operators_choice_serves() {
    let home = Home::new();
    vendor(&home.plugins(), "one");
    customer(&home);
    let own = home.plugins().with_file_name("own");
    vendor(&own, "two");
    let more = ["--set", &format!("plugins.load_paths=[{:?}]", own.to_str().expect("UTF-8"))];
    let said = said_everywhere(&home, &more).await;
    assert_eq!(codes(&said), CODES);
    for [code, severity, message, _] in &said {
        assert_eq!(severity, "warning", "{code}: {message}");
        assert!(message.ends_with("`two/vendor` keeps it"), "{message}");
    }
    let doctor = loader(&home, &more, &["plugins", "doctor"]);
    assert_eq!(doctor.status.code(), Some(0), "{doctor:?}");
    // A hook that is not called has no place among those that are.
    for (id, places) in [("one/vendor", json!([])), ("two/vendor", json!([1]))] {
        let inspected = data(&loader(&home, &more, &["plugins", "inspect", id, "--json"]));
        let hooks = inspected["hooks"].as_array().expect("hooks").iter();
        let found: Vec<_> = hooks.map(|hook| hook["place"].clone()).collect();
        assert_eq!(json!(found), places, "{id}");
    }
    // The command is described, and understood, as the plugin that keeps it says.
    let manifest = own.join("two/plugin.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, text.replace("Sells.", "Sells in our name.")).expect("a manifest");
    let help = loader(&home, &more, &["--help"]);
    let help = String::from_utf8_lossy(&help.stdout);
    assert!(help.contains("vend  Sells in our name."), "{help}");
    let ran = loader(&home, &more, &["sell"]);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "sold\n", "by its alias: {ran:?}");
}

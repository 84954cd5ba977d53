//! One vendor's plugin provides five kinds of things, and each is used from the command line, over HTTP
//! and by another plugin.

use integration_tests::{Home, build, client::Client, gateway::Gateway};
use serde_json::{Value, json};
use std::process::{Command, Output};

/// Both plugins, and nothing else.
fn home() -> Home {
    let home = Home::new();
    home.add("vendor");
    home.add("customer");
    home
}

/// Runs the product beside the gateway, or without one.
fn loader(home: &Home, arguments: &[&str]) -> Output {
    let mut command = Command::new(build::loader());
    command.arg("--state-dir").arg(home.state()).arg("--plugins-dir").arg(home.plugins());
    command.args(arguments).env_clear().env("HOME", home.state());
    command.output().expect("it can be run")
}

/// What a command prints when it succeeds.
fn printed(home: &Home, arguments: &[&str]) -> String {
    let output = loader(home, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

const ASKED: &str = r#"{"model": "vendor/loud", "messages": [{"role": "user", "content": [{"type": "text", "text": "so be it"}]}]}"#;

/// Every kind, asked with `loader call`.
fn use_by_command(home: &Home) {
    let events = printed(home, &["call", "text-inference/1/stream", ASKED]);
    let events: Vec<Value> =
        events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let texts: Vec<&str> = events.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(texts, ["SO ", "BE ", "IT"]);
    assert_eq!(events.last().expect("an event")["type"], "finish");

    let file = home.state().with_file_name("hello.wav");
    let path = file.to_str().expect("UTF-8");
    let spoken = printed(
        home,
        &["--json", "call", "speech/1/synthesize", r#"{"text": "hello"}"#, "-o", path],
    );
    let spoken: Value = serde_json::from_str(&spoken).expect("an envelope");
    assert_eq!(spoken["data"]["head"]["provider"], "vendor", "{spoken:#}");
    let bytes = std::fs::read(&file).expect("the file");
    assert_eq!((&bytes[..4], bytes.len()), (&b"RIFF"[..], 44 + 2 * 5 * 80));

    let request = r#"{"tool": "weigh", "arguments": {"text": "hello"}}"#;
    let weighed: Value =
        serde_json::from_str(&printed(home, &["call", "tool/1/call", request])).expect("JSON");
    assert_eq!(weighed["content"], "5 letters");

    let order = r#"{"name": "customer.order", "payload": {"what": "tea"}}"#;
    let fired: Value =
        serde_json::from_str(&printed(home, &["call", "hook/1/fire", order])).expect("JSON");
    assert_eq!(fired["payload"], json!({ "what": "tea", "seen_by": "vendor" }));

    // By the other name that its manifest says.
    let command = r#"{"name": "hail", "arguments": "hello", "sender": "operator"}"#;
    let reply: Value =
        serde_json::from_str(&printed(home, &["call", "chat-command/1/run", command]))
            .expect("JSON");
    assert_eq!(reply["text"], "Dear operator, hello!");
}

#[test]
fn every_kind_is_used_by_a_command_without_a_gateway() {
    use_by_command(&home());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_used_by_a_command_over_http_and_by_a_plugin() {
    let home = home();
    let gateway = Gateway::start(&home, "").await;
    tokio::task::block_in_place(|| use_by_command(&home));

    let mut client = Client::connect(&gateway).await;
    let asked: Value = serde_json::from_str(ASKED).expect("JSON");
    let answer =
        client.post("/v1/capabilities/text-inference/1/generate", &asked).await.expect("an answer");
    assert_eq!(answer.json()["message"]["content"][0]["text"], "SO BE IT", "{}", answer.body);
    let answer = client.post("/v1/capabilities/speech/1/voices", &json!(null)).await;
    let voices = answer.expect("an answer").json();
    assert_eq!(voices["voices"][0]["id"], "tone", "{voices:#}");
    assert_eq!(voices["voices"][0]["provider"], "vendor", "{voices:#}");
    let request = json!({ "tool": "weigh", "arguments": { "text": "hello" } });
    let answer = client.post("/v1/capabilities/tool/1/call", &request).await.expect("an answer");
    assert_eq!(answer.json()["content"], "5 letters");
    let request = json!({ "name": "customer.order", "payload": { "what": "tea" } });
    let answer = client.post("/v1/capabilities/hook/1/fire", &request).await.expect("an answer");
    assert_eq!(answer.json()["payload"]["seen_by"], "vendor");
    let request = json!({ "name": "greet", "arguments": "hello", "sender": "client" });
    let answer = client.post("/v1/capabilities/chat-command/1/run", &request).await.expect("one");
    assert_eq!(answer.json()["text"], "Dear client, hello!");

    let mut by_plugin = async |path: &str| {
        let answer = client.get(&format!("/customer{path}")).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer
    };
    assert_eq!(by_plugin("/ask").await.json(), json!(["SO BE IT", ["SO ", "BE ", "IT"]]));
    let spoken = by_plugin("/speak").await.json();
    assert_eq!((&spoken[0], &spoken[1]), (&json!("vendor"), &json!(44 + 2 * 5 * 80)));
    let weighed = by_plugin("/weigh").await.json();
    assert_eq!(weighed[0][0]["name"], "weigh", "{weighed:#}");
    assert_eq!(weighed[1]["content"], "5 letters", "{weighed:#}");
    assert_eq!(by_plugin("/order").await.json()["seen_by"], "vendor");
    assert_eq!(by_plugin("/greet").await.body, "Dear customer, hello!");
}

#[test]
fn what_it_is_can_be_inspected_without_opening_it() {
    let home = home();
    let inspected: Value =
        serde_json::from_str(&printed(&home, &["--json", "plugins", "inspect", "vendor"]))
            .expect("an envelope");
    let data = &inspected["data"];
    assert_eq!(data["shape"], "hybrid-capability", "{data:#}");
    assert_eq!(data["signal"], "config-valid", "{data:#}");
    let capabilities = data["capabilities"].as_array().expect("capabilities");
    let owned: Vec<_> = capabilities
        .iter()
        .map(|one| (one["contract"].as_str().expect("text"), one["id"].as_str().expect("text")))
        .collect();
    assert_eq!(
        owned,
        [
            ("chat-command/1", "greet"),
            ("cli-command/1", "vend"),
            ("hook/1", "vendor.order"),
            ("http-route/1", "vendor"),
            ("speech/1", "vendor"),
            ("text-inference/1", "vendor"),
            ("tool/1", "weigh"),
        ]
    );
    assert!(capabilities.iter().all(|one| one["owner"] == "vendor"), "{data:#}");
    // Nobody has opened it, so nobody knows.
    assert_eq!(data["registered"], json!(null), "{data:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_registered_is_shown_beside_what_it_declares() {
    let home = home();
    let _gateway = Gateway::start(&home, "").await;
    let inspect = || printed(&home, &["--json", "plugins", "inspect", "vendor"]);
    let inspected: Value =
        serde_json::from_str(&tokio::task::block_in_place(inspect)).expect("an envelope");
    let data = &inspected["data"];
    let names = |list: &Value| {
        let list = list.as_array().expect("a list").iter();
        let mut names: Vec<_> = list.map(|one| one.as_str().expect("text").to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&data["registered"]), names(&data["declared"]), "{data:#}");
    assert_eq!(data["hooks"][0]["id"], "vendor.order", "{data:#}");
    assert_eq!(data["hooks"][0]["place"], 1, "{data:#}");
}

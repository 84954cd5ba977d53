//! The unmodified `openai` Python client through the gateway, with real and misbehaving servers behind
//! the `openai` plugin.

use integration_tests::{Home, gateway::Gateway, peers};
use serde_json::Value;
use std::fs;
use tokio::process::Command;

const PLUGINS: [&str; 3] = ["echo", "openai", "hello"];

async fn gateway(home: &Home, upstream: &str) -> Gateway {
    for plugin in PLUGINS {
        home.add(plugin);
    }
    let config = format!(
        "[gateway]\nrequest_timeout_ms = 5000\n\
         [plugins.entries.openai]\ncall_timeout_ms = 8000\n\
         [plugins.entries.openai.config]\nbase_url = \"{upstream}\"\napi_key = \"secret:upstream\"\n\
         models = [\"gpt-4o-mini\"]\nrequest_timeout_ms = 2000\nidle_timeout_ms = 2000\n\
         [secrets.upstream]\nvalue = \"sk-a-canary-that-must-not-leak\"\n"
    );
    Gateway::start(home, &config).await
}

/// Runs the client's scenarios and returns what it says of each.
async fn drive(peers: &Value, gateway: &Gateway, scenarios: &[&str]) -> Vec<Value> {
    let python = peers["python"].as_str().expect("the peers' Python");
    let output = Command::new(python)
        .arg(peers::script("openai_client.py"))
        .args(["--url", &format!("{}/v1", gateway.url), "--key", &gateway.token])
        .args(["--model-prefix", "openai/"])
        .args(scenarios)
        .output()
        .await
        .expect("the client can be run");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    assert!(!lines.is_empty(), "{errors}");
    for line in &lines {
        assert_eq!(line["ok"], true, "{line:#}");
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_gets_its_own_exceptions_and_whole_answers() {
    let Some(peers) = peers::installed() else { return };
    let home = Home::new();
    let log = home.state().join("upstream.log");
    let (_server, upstream) = peers::misbehaving_openai(&log).await;
    let mut gateway = gateway(&home, &upstream).await;
    let lines = drive(&peers, &gateway, &[]).await;
    assert!(lines.len() >= 23, "every scenario ran: {}", lines.len());
    // The client left in mid-stream, and the upstream request ended with it.
    let events = fs::read_to_string(&log).expect("the server's log");
    let cancelled = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let cancelled = cancelled.filter(|event| event["event"] == "disconnected");
    assert!(cancelled.count() >= 1, "{events}");
    gateway.process.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    let said = gateway.log().join("\n");
    assert!(!said.contains("canary") && !said.contains(&gateway.token), "a secret is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_openai_compatible_server_answers_through_the_gateway() {
    let Some(peers) = peers::installed() else { return };
    let home = Home::new();
    let folder = home.state().join("fakellm");
    let folder = folder.to_str().expect("UTF-8");
    let (_server, said) = peers::start(&["fakellm", "--directory", folder]).await;
    let gateway = gateway(&home, said["url"].as_str().expect("an address")).await;
    drive(&peers, &gateway, &["chat", "stream", "tools", "stream-tools"]).await;
}

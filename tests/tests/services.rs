//! Background services: started in order once the port listens, stopped in the opposite order before any
//! plugin, and started again in a fresh generation.

use integration_tests::{
    Home,
    gateway::Gateway,
    upkeep::{add, ask, lines, replace},
};
use serde_json::{Value, json};
use std::net::TcpListener;

const TASKS: &str = "{ id = \"sweep\" },\n{ id = \"stumble\" },";

/// Starts a gateway whose address the services know.
async fn start(home: &Home, more: &str) -> Gateway {
    // Free a moment ago; nothing else on this machine asks for it by its number.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let config = format!("[plugins.entries.upkeep.config]\nconnect = \"{address}\"\n{more}");
    Gateway::start_with(home, &config, &["--set", &format!("gateway.listen={address}")]).await
}

async fn listed(gateway: &Gateway) -> Vec<Value> {
    let list = ask(gateway, "service/1/list", json!({})).await;
    list["services"].as_array().expect("services").clone()
}

/// The services that lines of the log name, in their order.
fn named(lines: &[String]) -> Vec<&str> {
    let name = |line: &String| match (line.contains("first"), line.contains("second")) {
        (true, false) => "first",
        (false, true) => "second",
        _ => panic!("{line}"),
    };
    lines.iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn services_start_after_the_port_listens_and_stop_in_the_opposite_order() {
    let home = Home::new();
    add(&home, TASKS);
    let mut gateway = start(&home, "").await;
    gateway.await_log(0, &["service started", "second"]).await;
    let starts = lines(&gateway, &["a service starts"]);
    assert_eq!(named(&starts), ["first", "second"]);
    assert!(starts.iter().all(|line| line.contains("connected=true")), "{starts:#?}");
    let list = listed(&gateway).await;
    assert_eq!((&list[0]["id"], &list[0]["state"]), (&json!("first"), &json!("running")));
    assert_eq!(list[0]["output"], "it is good");
    assert_eq!((&list[1]["state"], &list[1]["output"]), (&json!("running"), &Value::Null));

    gateway.process.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    assert_eq!(named(&lines(&gateway, &["a service stops"])), ["second", "first"]);
    let log = gateway.log();
    let place = |text: &str| log.iter().rposition(|line| line.contains(text)).expect("a line");
    assert!(place("a service stops") < place("the plugin stops"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_start_is_told_and_the_others_start() {
    let home = Home::new();
    add(&home, TASKS);
    let gateway = start(&home, "lame = \"first\"\n").await;
    gateway.await_log(0, &["not started", "this service does not start", "lame"]).await;
    gateway.await_log(0, &["service started", "second"]).await;
    let list = listed(&gateway).await;
    assert_eq!((&list[0]["state"], &list[1]["state"]), (&json!("failed"), &json!("running")));
    assert_eq!(list[0]["output"], "this service does not start (lame)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_generation_is_started_again() {
    let home = Home::new();
    add(&home, TASKS);
    let gateway = start(&home, "").await;
    gateway.await_log(0, &["service started", "second"]).await;
    replace(&home, "fresh");
    gateway.await_log(0, &["a service starts: second of fresh"]).await;
    let fresh = lines(&gateway, &["a service starts", "of fresh"]);
    assert_eq!(named(&fresh), ["first", "second"]);
    let list = listed(&gateway).await;
    assert_eq!(list[0]["output"], "it is fresh");
}

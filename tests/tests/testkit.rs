//! `loader-testkit`: a host in a test answers as the test says, and serves what the gateway would.

use integration_tests::Home;
use loader_contract::{
    http_route::{CONTRACT, METHOD, PATH, method},
    text_inference::{self, GenerateResponse, Message, Role},
};
use loader_core::message::{Metadata, Reply};
use loader_testkit::{Failure, Host, Loaded, Retirement};
use serde_json::Value;
use std::fs;

/// Asks a route of a plugin.
async fn get(plugin: &Loaded, route: &str, path: &str) -> Result<Reply, Failure> {
    let asked = Metadata::new().with(METHOD, "GET").with(PATH, path);
    plugin.call_raw(CONTRACT, route, method::HANDLE, plugin.options(), asked, Vec::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_answers_in_the_place_of_the_host_however_it_is_asked() {
    let home = Home::new();
    let answer = |_: Value| {
        let message = Message::text(Role::Assistant, "as you say");
        Ok(GenerateResponse { message, ..GenerateResponse::default() })
    };
    let host = Host::new().answers(text_inference::CONTRACT, "generate", answer);
    let customer = host.load(home.add("customer")).await.expect("it loads");
    // The SDK opens `generate`; `stream` is nobody's but the host's.
    let reply = get(&customer, "customer", "/ask").await.expect("an answer");
    let said: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(said, serde_json::json!(["as you say", ["so be it"]]));
    assert_eq!(customer.captured().of(text_inference::CONTRACT, "generate").len(), 1);
    assert_eq!(customer.unload().await, Retirement::Unloaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_answers_for_nobody_is_told() {
    let home = Home::new();
    let host = Host::new().answers("text-inferense/1", "generate", |_| Ok(()));
    let refusal = host.load(home.add("customer")).await.err().expect("there is no such service");
    assert_eq!(refusal.code, "LDR-TEST-SERVICE");
    assert_eq!(refusal.hint.as_deref(), Some("did you mean `text-inference/1`?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_would_not_serve_is_not_served_in_a_test() {
    let home = Home::new();
    let folder = home.add("promise-breaker");
    let manifest = fs::read_to_string(folder.join("plugin.toml")).expect("the manifest");
    let manifest = manifest.replace("prefix = \"/twin\"", "prefix = \"/it\"");
    fs::write(folder.join("plugin.toml"), manifest).expect("a file");
    let plugin = Host::new().load(folder).await.expect("it loads");
    get(&plugin, "it", "/").await.expect("an answer");
    let failure = get(&plugin, "twin", "/").await.expect_err("the prefix is taken");
    assert_eq!(failure.code, "LDR-CALL-NO-CAPABILITY");
    assert_eq!(plugin.unload().await, Retirement::Unloaded);
}

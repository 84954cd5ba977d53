//! `loader-testkit`: a host in a test answers as the test says, and serves what the gateway would.

use futures_util::FutureExt as _;
use integration_tests::{Home, build};
use loader_contract::{
    http_route::{CONTRACT, METHOD, PATH, QUERY, method},
    text_inference::{self, FinishReason, GenerateResponse, Message, Role, StreamEvent},
};
use loader_core::message::Reply;
use loader_testkit::{
    Failure, Host, Loaded, Message as Sent, Metadata, Retirement,
    suite::{self, Options, Outcome},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, panic::AssertUnwindSafe, path::PathBuf, time::Duration};

/// The breaker with a text of its manifest changed.
fn breaker(home: &Home, text: &str, instead: &str) -> PathBuf {
    let folder = home.add("promise-breaker");
    let manifest = fs::read_to_string(folder.join("plugin.toml")).expect("the manifest");
    assert!(manifest.contains(text), "{text}");
    fs::write(folder.join("plugin.toml"), manifest.replacen(text, instead, 1)).expect("a file");
    folder
}

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
async fn a_test_answers_a_stream_in_its_own_form() {
    let home = Home::new();
    let answer = |asked: Value| {
        let said = format!("{} tools, sunny", asked["tools"].as_array().map_or(0, Vec::len));
        Ok(vec![
            Sent::head(Metadata::new(), Vec::new()),
            Sent::event(&StreamEvent::Text { text: said })?,
            Sent::event(&StreamEvent::Finish { reason: FinishReason::Stop, usage: None })?,
        ])
    };
    let host = Host::new().answers_stream(text_inference::CONTRACT, "stream", answer);
    let customer = host.load(home.add("customer")).await.expect("it loads");
    let reply = get(&customer, "customer", "/ask").await.expect("an answer");
    let said: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(said, json!(["so be it", ["0 tools, sunny"]]));
    assert_eq!(customer.unload().await, Retirement::Unloaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_answers_for_nobody_is_told() {
    let home = Home::new();
    let folder = home.add("customer");
    let calls = [
        ("text-inferense/1", "generate", "LDR-TEST-SERVICE", "did you mean `text-inference/1`?"),
        ("tool/1", "cal", "LDR-TEST-METHOD", "did you mean `call`?"),
        ("kv/1", "fetch", "LDR-TEST-METHOD", "get, put, delete, list"),
        ("channel/1", "connect", "LDR-TEST-METHOD", "send"),
        ("http-client/1", "fetch", "LDR-TEST-ANSWER", "`fetches(url, status, body)`"),
        ("speech/1", "synthesize", "LDR-TEST-ANSWER", "`answers_stream`"),
        ("text-inference/1", "stream", "LDR-TEST-ANSWER", "`answers_stream`"),
    ];
    for (service, method, code, hint) in calls {
        let host = Host::new().answers(service, method, |_| Ok(()));
        let refusal = host.load(&folder).await.err().expect(method);
        assert_eq!(refusal.code, code, "{service}/{method}");
        assert!(refusal.hint.as_deref().is_some_and(|said| said.contains(hint)), "{refusal:?}");
    }
    let host = Host::new().answers_stream("tool/1", "call", |_| Ok(Vec::new()));
    let refusal = host.load(&folder).await.err().expect("it is no stream");
    assert_eq!(refusal.hint.as_deref(), Some("answer it with `answers`"));
}

#[test]
fn a_host_in_a_test_serves_what_the_gateway_does() {
    let served: BTreeSet<&str> = loader_testkit::services().collect();
    assert_eq!(served, loader_gateway::SERVICE_NAMES.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_would_not_serve_is_not_served_in_a_test() {
    let home = Home::new();
    let folder = breaker(&home, "prefix = \"/twin\"", "prefix = \"/it\"");
    let plugin = Host::new().load(folder).await.expect("it loads");
    get(&plugin, "it", "/").await.expect("an answer");
    let failure = get(&plugin, "twin", "/").await.expect_err("the prefix is taken");
    assert_eq!(failure.code, "LDR-CALL-NO-CAPABILITY");
    assert_eq!(plugin.unload().await, Retirement::Unloaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_would_not_load_is_not_loaded_in_a_test() {
    for (text, instead, code) in [
        ("prefix = \"/twin\"", "prefix = \"/v1/x\"", "LDR-ROUTE-PREFIX"),
        ("prefix = \"/twin\"", "prefix = \"shop\"", "LDR-ROUTE-PREFIX"),
        ("prefix = \"/twin\"", "prefix = \"/a/\"", "LDR-ROUTE-PREFIX"),
        ("timeout_ms = 1000", "timeout_ms = -1", "LDR-CONTRACT-ATTRIBUTE"),
        ("methods = [\"status\"]", "methods = [\"start\"]", "LDR-CONTRACT-METHOD"),
    ] {
        let home = Home::new();
        let refusal = Host::new().load(breaker(&home, text, instead)).await.err().expect(instead);
        assert_eq!(refusal.code, code, "{instead}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_the_loaders_own_is_a_broken_promise() {
    let home = Home::new();
    let folder = home.add("promise-breaker");
    let options = Options {
        only: Some("cli-command/1".to_owned()),
        commands: ["it".to_owned()].into(),
        ..Options::default()
    };
    let report = suite::run(&folder, &options, &mut |_| {}).await.expect("a report");
    let broken: Vec<_> = report.failures().collect();
    let [case] = broken[..] else { panic!("{broken:#?}") };
    assert_eq!(
        (case.outcome, case.under.name.as_str()),
        (Outcome::Failed, "arguments-are-described")
    );
    assert!(case.message.contains("the loader's own"), "{case:#?}");
    assert!(case.hint.contains("another name"), "{case:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_waited_for_in_vain_is_told_with_what_came_instead() {
    let home = Home::new();
    let host = Host::new().patience(Duration::from_millis(300));
    let customer = host.load(home.add("customer")).await.expect("it loads");
    get(&customer, "customer", "/ask").await.expect("an answer");
    let first = customer.captured().first(2, text_inference::CONTRACT, "generate");
    let panic = AssertUnwindSafe(first).catch_unwind().await.expect_err("it asked once");
    let said = panic.downcast_ref::<String>().expect("a text");
    assert!(said.contains("1 of 2 times for `text-inference/1/generate`"), "{said}");
    assert!(said.contains("text-inference/1/generate, text-inference/1/stream"), "{said}");
    assert_eq!(customer.unload().await, Retirement::Unloaded);
}

/// Has the customer ask the host for an operation, called or opened; the code where it is refused.
async fn pass(plugin: &Loaded, how: &str, operation: &str, body: Value) -> Option<String> {
    let asked = Metadata::new().with(METHOD, "POST").with(PATH, how).with(QUERY, operation);
    let body = body.to_string().into_bytes();
    let answer =
        plugin.call_raw(CONTRACT, "customer", method::HANDLE, plugin.options(), asked, body).await;
    answer.err().map(|failure| failure.code)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_refuses_by_the_request_alone_is_refused_in_a_test() {
    let home = Home::new();
    let customer = Host::new().load(home.add("customer")).await.expect("it loads");
    let refused = [
        ("hook/1/fire", json!({ "name": "other.order" }), "LDR-HOOK-NAME"),
        ("hook/1/fire", json!({ "name": "order" }), "LDR-HOOK-NAME"),
        ("scheduled-task/1/plan", json!({ "task": "others" }), "LDR-TASK-UNKNOWN"),
        (
            "channel/1/send",
            json!({ "account": "a", "conversation": "b", "text": " " }),
            "LDR-CALL-REQUEST",
        ),
        (
            "channel-inbox/1/status",
            json!({ "account": "a", "state": "connected" }),
            "LDR-CHANNEL-FOREIGN",
        ),
        ("web-fetch/1/fetch", json!({ "url": "file:///etc/passwd" }), "url_forbidden"),
        ("web-fetch/1/fetch", json!({ "url": "http://192.168.1.1/" }), "url_forbidden"),
        ("web-fetch/1/fetch", json!({ "url": "lake" }), "url_invalid"),
        ("chat-command/1/run", json!("a text"), "LDR-CALL-REQUEST"),
    ];
    for (operation, body, code) in refused {
        let said = pass(&customer, "/call", operation, body.clone()).await;
        assert_eq!(said.as_deref(), Some(code), "{operation} {body}");
    }
    let unspoken = [
        (json!({ "text": "" }), "LDR-CALL-REQUEST"),
        (json!({ "text": "hello", "voice": "ada" }), "voice_not_found"),
        (json!({ "text": "hello", "format": "mp3" }), "format_unsupported"),
    ];
    for (body, code) in unspoken {
        let said = pass(&customer, "/open", "speech/1/synthesize", body.clone()).await;
        assert_eq!(said.as_deref(), Some(code), "{body}");
    }
    let taken = [
        ("/call", "hook/1/fire", json!({ "name": "customer.order" })),
        ("/call", "channel/1/send", json!({ "account": "a", "conversation": "b", "text": "c" })),
        ("/call", "web-fetch/1/fetch", json!({ "url": "https://example.com/" })),
        ("/call", "tool/1/describe", json!({ "tool": "weigh" })),
        ("/call", "chat-command/1/run", json!({ "name": "greet" })),
        ("/call", "service/1/list", Value::Null),
        ("/open", "cli-command/1/run", json!({ "name": "greet" })),
        ("/open", "speech/1/synthesize", json!({ "text": "hello", "format": "wav" })),
    ];
    for (how, operation, body) in taken {
        assert_eq!(pass(&customer, how, operation, body).await, None, "{operation}");
    }
    assert_eq!(customer.unload().await, Retirement::Unloaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_for_whom_the_gateway_would_give_them_to() {
    let home = Home::new();
    let folder = home.add("customer");
    let ask = async |host: Host, name: &str| {
        let customer = host.secret(name, "abc").load(&folder).await.expect("it loads");
        let said = pass(&customer, "/call", "secrets/1/get", json!({ "name": name })).await;
        assert_eq!(customer.unload().await, Retirement::Unloaded);
        said
    };
    assert_eq!(ask(Host::new(), "weather").await.as_deref(), Some("LDR-SECRET-UNDECLARED"));
    // By a default of its schema.
    let manifest = fs::read_to_string(folder.join("plugin.toml")).expect("the manifest");
    let manifest = manifest + "\n[config]\nschema = \"config.schema.json\"\n";
    fs::write(folder.join("plugin.toml"), manifest).expect("a file");
    let schema =
        json!({ "type": "object", "properties": { "key": { "default": "secret:weather" } } });
    fs::write(folder.join("config.schema.json"), schema.to_string()).expect("a file");
    assert_eq!(ask(Host::new(), "weather").await, None);
    assert_eq!(ask(Host::new(), "other").await.as_deref(), Some("LDR-SECRET-UNDECLARED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_connected_names_secrets_too() {
    build::loader();
    let folder = build::target().join("release/plugins/irc");
    let irc = Host::new().secret("libera", "abc").load(folder).await.expect("it loads");
    let settings = json!({ "host": "irc.example", "nick": "bot", "password": "secret:libera" });
    let request = json!({ "account": "main", "config": settings });
    irc.call::<Value>("channel/1", "irc", "connect", &request).await.expect("an answer");
    // It goes on once it has the secret.
    irc.captured().first(1, "net/1", "connect").await;
    assert_eq!(irc.unload().await, Retirement::Unloaded);
}

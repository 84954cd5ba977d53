//! Plugins that take part in what the gateway does, with a model server that keeps what it was asked.

use integration_tests::{
    Home, build,
    client::{Answer, Client},
    gateway::Gateway,
    model_server::{ANSWER, ModelServer},
};
use serde_json::{Value, json};
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

/// Lays a plugin of the fixture `hooks` out, with these lines below `[provides]`.
fn add(home: &Home, id: &str, provides: &str) {
    home.add_one_of("hooks", id, provides);
}

const LEGACY: &str = r#""hook/1" = [{ id = "start", on = "before_agent_start" }]"#;

const MIGRATED: &str = r#""hook/1" = [
    { id = "model", on = "before_model_resolve", name = "Only hooks of custom events have one" },
    { id = "prompt", on = "before_prompt_build" },
]"#;

const PARTY: &str = r#""channel/1" = ["party"]
"http-route/1" = ["party"]
"hook/1" = [
    { id = "received", on = "message_received" },
    { id = "reply", on = "before_reply" },
    { id = "sent", on = "message_sent" },
    { id = "begins", on = "session_started" },
    { id = "ends", on = "session_ended" },
    { id = "up", on = "gateway_started" },
    { id = "down", on = "gateway_stopping" },
]"#;

/// Every hook of `bad-hooks` on a custom event of its own name, apart from one.
fn bad(on_failure: &str, apart: Option<(&str, &str)>) -> String {
    let ids = ["error", "panic", "late", "garbled", "mistyped", "long", "too-long"];
    let hooks = ids.map(|id| {
        let on = match apart {
            Some((one, event)) if one == id => format!("on = \"{event}\""),
            _ => format!("on = \"custom\", name = \"bad-hooks.{id}\""),
        };
        format!("{{ id = \"{id}\", {on}, deadline_ms = 200, on_failure = \"{on_failure}\" }}")
    });
    format!("\"hook/1\" = [{}]", hooks.join(", "))
}

/// A configuration with the model server behind the plugin `openai`.
fn config(server: &ModelServer, model: &str) -> String {
    format!(
        "[models]\ndefault = \"{model}\"\n[plugins.entries.openai.config]\n\
         base_url = \"{}\"\napi_key = \"\"\n[plugins.entries.bad-hooks.breaker]\nfailures = 100\n",
        server.url
    )
}

async fn ask(gateway: &Gateway, request: &Value) -> Answer {
    let mut client = Client::connect(gateway).await;
    client.post("/v1/chat/completions", request).await.expect("an answer")
}

async fn post(gateway: &Gateway, path: &str, body: Value) -> Answer {
    Client::connect(gateway).await.post(path, &body).await.expect("an answer")
}

/// What `loader hooks list` says of this home's plugins.
fn listed(home: &Home) -> Vec<Value> {
    let mut command = Command::new(build::loader());
    command.arg("--state-dir").arg(home.state()).arg("--plugins-dir").arg(home.plugins());
    command.args(["hooks", "list", "--json"]).env_clear().env("HOME", home.state());
    let output = command.current_dir(home.state()).output().expect("it can be run");
    let envelope: Value = serde_json::from_slice(&output.stdout).expect("an envelope");
    assert_eq!(envelope["ok"], true, "{envelope:#}");
    envelope["data"]["hooks"].as_array().expect("hooks").clone()
}

fn ids(hooks: &[Value]) -> Vec<&str> {
    hooks.iter().map(|hook| hook["hook"].as_str().expect("an id")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_legacy_hook_and_its_migrated_pair_change_a_request_alike_and_only_the_first_warns() {
    let server = ModelServer::start().await;
    let mut recorded = Vec::new();
    let mut warnings = Vec::new();
    for (id, provides) in [("legacy-hooks", LEGACY), ("migrated-hooks", MIGRATED)] {
        let home = Home::new();
        home.add("openai");
        home.add("echo");
        add(&home, id, provides);
        add(&home, "party", PARTY);
        let gateway = Gateway::start(&home, &config(&server, "echo/echo")).await;
        let messages = json!([
            { "role": "system", "content": "Be kind." },
            { "role": "user", "content": "Hello?" },
            { "role": "assistant", "content": "Hello." },
            { "role": "user", "content": "What day is it?" },
        ]);
        for stream in [false, true] {
            let request = json!({ "model": "echo/echo", "messages": messages, "stream": stream });
            let answer = ask(&gateway, &request).await;
            assert!(answer.status == 200 && answer.body.contains(ANSWER), "{}", answer.body);
        }
        // What a plugin asks for goes the same way, and so does what a person says in a chat.
        let answer = post(&gateway, "/party/ask/", json!("What day is it?")).await;
        assert_eq!(answer.body, ANSWER);
        post(&gateway, "/party/say/room", json!("What day is it?")).await;
        gateway.await_log(0, &["party heard message_sent: fine."]).await;
        recorded.push(server.asked());
        let said = gateway.log();
        warnings.push(said.into_iter().filter(|line| line.contains("LDR-LEGACY-HOOK")).count());
    }
    assert_eq!(recorded[0], recorded[1]);
    assert_eq!(warnings, [1, 0]);
    assert_eq!(recorded[0].len(), 4);
    let first: Value = serde_json::from_slice(&recorded[0][0]).expect("a request");
    assert_eq!(first["model"], "chosen");
    let said = first["messages"].as_array().expect("messages").iter();
    let said: Vec<_> = said.map(|one| (one["role"].as_str(), one["content"].as_str())).collect();
    let expected = [
        ("system", "Answer in one line."),
        ("system", "Be kind."),
        ("user", "Hello?"),
        ("assistant", "Hello."),
        ("user", "It is Monday.\n\nWhat day is it?"),
    ];
    assert_eq!(said, expected.map(|(role, text)| (Some(role), Some(text))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_higher_priority_comes_first_then_who_was_loaded_first_and_each_sees_those_before() {
    let marks = |on: &str, ids: [&str; 2]| {
        let [plain, high] = ids;
        format!(
            "\"hook/1\" = [{{ id = \"{plain}\", on = \"{on}\" }}, \
             {{ id = \"{high}\", on = \"{on}\", priority = 5 }}]"
        )
    };
    let server = ModelServer::start().await;
    let home = Home::new();
    home.add("openai");
    add(&home, "marks-a", &marks("before_prompt_build", ["a1", "a2"]));
    add(&home, "marks-b", &marks("before_prompt_build", ["b1", "b2"]));
    let config = config(&server, "openai/some");
    let gateway = Gateway::start(&home, &config).await;
    let request = json!({ "model": "openai/some", "messages": [
        { "role": "user", "content": "Hello?" },
    ]});
    assert_eq!(ask(&gateway, &request).await.status, 200);
    let sent: Value = serde_json::from_slice(&server.asked()[0]).expect("a request");
    assert_eq!(
        sent["messages"],
        json!([
            { "role": "system", "content": "a2 after []\n\nb2 after [a2]\n\na1 after [a2 b2]\n\n\
                b1 after [a2 b2 a1]" },
            { "role": "user", "content": "(a2)\n\n(b2)\n\n(a1)\n\n(b1)\n\nHello?" },
        ])
    );
    let hooks = listed(&home);
    assert_eq!(ids(&hooks), ["a2", "b2", "a1", "b1"]);
    let first = json!({ "event": "before_prompt_build", "order": 1, "priority": 5,
        "plugin": "marks-a", "hook": "a2", "name": null, "deadline_ms": 1000,
        "on_failure": "open" });
    assert_eq!(hooks[0], first);

    // One that is switched off and on again comes last, whatever its name is.
    let file = home.state().with_file_name("loader.toml");
    let said = gateway.log().len();
    fs::write(&file, format!("{config}[plugins.entries.marks-a]\nenabled = false\n"))
        .expect("a file");
    let off = gateway.await_log(said, &["plugin=\"marks-a\"", "retired"]).await;
    assert_eq!(ids(&listed(&home)), ["b2", "b1"]);
    fs::write(&file, &config).expect("a file");
    gateway.await_log(off, &["plugin=\"marks-a\"", "plugin loaded"]).await;
    assert_eq!(ids(&listed(&home)), ["b2", "a2", "b1", "a1"]);
    assert_eq!(ask(&gateway, &request).await.status, 200);
    let sent: Value = serde_json::from_slice(&server.asked()[0]).expect("a request");
    let said = sent["messages"][1]["content"].as_str();
    assert_eq!(said, Some("(b2)\n\n(a2)\n\n(b1)\n\n(a1)\n\nHello?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hook_gets_the_model_that_those_before_it_chose() {
    let server = ModelServer::start().await;
    let home = Home::new();
    home.add("openai");
    let on = |id: &str| format!("{{ id = \"{id}\", on = \"before_model_resolve\" }}");
    add(&home, "marks-a", &format!("\"hook/1\" = [{}, {}]", on("a1"), on("a2")));
    // An event that nobody knows leaves one hook out, and nothing else.
    add(
        &home,
        "marks-b",
        &format!("\"hook/1\" = [{}, {{ id = \"b2\", on = \"before_lunch\" }}]", on("b1")),
    );
    let gateway = Gateway::start(&home, &config(&server, "openai/some")).await;
    let messages = json!([{ "role": "user", "content": "Hello?" }]);
    let request = json!({ "model": "openai/some", "messages": messages });
    assert_eq!(ask(&gateway, &request).await.status, 200);
    let sent: Value = serde_json::from_slice(&server.asked()[0]).expect("a request");
    assert_eq!(sent["model"], "some+a1+a2+b1");
    gateway.await_log(0, &["LDR-HOOK-ATTRIBUTE", "marks-b", "b2", "before_model_resolve"]).await;
    assert_eq!(ids(&listed(&home)), ["a1", "a2", "b1"]);
}

/// Each way to fail, and the code it is told by.
const FAULTS: [(&str, &str); 7] = [
    ("error", "not_today"),
    ("panic", "LDR-CALL-PANIC"),
    ("late", "LDR-CALL-DEADLINE"),
    ("garbled", "LDR-HOOK-ANSWER"),
    ("mistyped", ""),
    ("long", "LDR-HOOK-ANSWER"),
    ("too-long", "LDR-CALL-ANSWER-SIZE"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_fails_is_passed_over_or_ends_what_it_takes_part_in() {
    for on_failure in ["open", "closed"] {
        let home = Home::new();
        home.add("echo");
        add(&home, "bad-hooks", &bad(on_failure, None));
        let server = ModelServer::start().await;
        let gateway = Gateway::start(&home, &config(&server, "echo/echo")).await;
        for (fault, code) in FAULTS {
            let fired = json!({ "name": format!("bad-hooks.{fault}"), "payload": "unchanged" });
            let said = gateway.log().len();
            let began = Instant::now();
            let answer = post(&gateway, "/v1/capabilities/hook/1/fire", fired).await;
            assert!(began.elapsed() < Duration::from_secs(5), "{fault}");
            if code.is_empty() {
                // A payload may be anything.
                assert_eq!(answer.json(), json!({ "payload": 5 }), "{fault}");
                continue;
            }
            let names = ["bad-hooks".to_owned(), format!("hook=\"{fault}\""), "custom".to_owned()];
            let parts: Vec<_> = names.iter().map(String::as_str).chain([code]).collect();
            gateway.await_log(said, &parts).await;
            if on_failure == "open" {
                assert_eq!((answer.status, answer.json()), (200, json!({})), "{fault}");
                continue;
            }
            let error = &answer.json()["error"];
            assert_eq!(error["loader"]["code"], "LDR-HOOK-CLOSED", "{fault}: {error:#}");
            let message = error["message"].as_str().expect("a message");
            for part in ["bad-hooks", fault, code] {
                assert!(message.contains(part), "{fault}: {message}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_asked_without_an_open_hook_that_fails_and_not_asked_without_a_closed_one() {
    for event in ["before_agent_start", "before_model_resolve", "before_prompt_build"] {
        for on_failure in ["open", "closed"] {
            let server = ModelServer::start().await;
            let home = Home::new();
            home.add("openai");
            add(&home, "bad-hooks", &bad(on_failure, Some(("mistyped", event))));
            let gateway = Gateway::start(&home, &config(&server, "openai/some")).await;
            let messages = json!([{ "role": "user", "content": "Hello?" }]);
            let request = json!({ "model": "openai/some", "messages": messages });
            let answer = ask(&gateway, &request).await;
            let asked = server.asked();
            if on_failure == "open" {
                assert_eq!(answer.status, 200, "{event}: {}", answer.body);
                let sent: Value = serde_json::from_slice(&asked[0]).expect("a request");
                assert_eq!((&sent["model"], &sent["messages"]), (&json!("some"), &messages));
                gateway.await_log(0, &["LDR-HOOK-ANSWER", "bad-hooks", "mistyped", event]).await;
            } else {
                let error = &answer.json()["error"]["loader"];
                assert_eq!(error["code"], "LDR-HOOK-CLOSED", "{event}: {error:#}");
                assert_eq!(error["origin"], "plugin:bad-hooks");
                assert!(asked.is_empty(), "{event}: the model was asked");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_plugin_made_up_goes_through_the_hooks_of_its_name() {
    let home = Home::new();
    home.add("echo");
    let custom = |id: &str, more: &str| format!("{{ id = \"{id}\", on = \"custom\"{more} }}");
    let all = custom("a1", ", priority = -1");
    let ours = custom("a2", ", name = \"party.guests\"");
    add(&home, "marks-a", &format!("\"hook/1\" = [{all}, {ours}]"));
    let theirs = custom("b1", ", name = \"party.music\"");
    add(&home, "marks-b", &format!("\"hook/1\" = [{theirs}, {}]", custom("b2", "")));
    add(&home, "party", PARTY);
    let gateway = Gateway::start(&home, "").await;
    let answer = post(&gateway, "/party/fire/party.guests", json!(["first"])).await;
    assert_eq!(answer.json(), json!(["first", "a2", "b2", "a1"]));
    let answer = post(&gateway, "/party/fire/party.music", json!([])).await;
    assert_eq!(answer.json(), json!(["b1", "b2", "a1"]));
    // Nobody fires in another's name.
    for (name, status) in [("marks-a.guests", 403), ("guests", 400)] {
        let answer = post(&gateway, &format!("/party/fire/{name}"), json!([])).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.json()["error"]["loader"]["code"], "LDR-HOOK-NAME");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_take_part_in_a_conversation_from_its_first_message_to_the_gateways_end() {
    let home = Home::new();
    home.add("echo");
    add(&home, "party", PARTY);
    let config = "[channels.party.accounts.main]\n";
    let mut gateway = Gateway::start(&home, config).await;
    gateway.await_log(0, &["party heard gateway_started: loader "]).await;
    for said in ["A bear!", "nothing", "A SECRET", "The end"] {
        post(&gateway, "/party/say/room", json!(said)).await;
    }
    gateway.await_log(0, &["party heard message_sent: the end"]).await;
    gateway.process.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    let log = gateway.log();
    let heard = log.iter().filter_map(|line| line.split_once("party heard ").map(|(_, rest)| rest));
    let heard: Vec<_> = heard.map(|rest| rest.split(" plugin=").next().unwrap_or("")).collect();
    let expected = [
        "session_started: party/main",
        "message_received: A bear! by person",
        "before_reply: A bee!",
        "message_sent: a bee!",
        "message_received: nothing by person",
        "message_received: A SECRET by person",
        "before_reply: A SECRET",
        "message_received: The end by person",
        "before_reply: The end",
        "message_sent: the end",
    ];
    assert!(heard[0].starts_with("gateway_started: loader "), "{heard:#?}");
    assert_eq!(heard[1..11], expected, "{log:#?}");
    assert!(heard[11].starts_with("gateway_stopping: loader "), "{heard:#?}");
    assert_eq!(heard[12..], ["session_ended: party/main"]);
    let told = log.iter().filter(|line| line.contains("party was told: ")).count();
    assert_eq!(told, 2, "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_asks_a_model_is_not_asked_about_that_and_two_come_to_an_end() {
    let asks = |id: &str| {
        format!(
            "\"hook/1\" = [{{ id = \"{id}\", on = \"before_prompt_build\", deadline_ms = 9000 }}]"
        )
    };
    let server = ModelServer::start().await;
    let home = Home::new();
    home.add("openai");
    add(&home, "asker-a", &asks("asks-a"));
    let request = json!({ "model": "openai/some", "messages": [
        { "role": "user", "content": "Hello?" },
    ]});
    let mut gateway = Gateway::start(&home, &config(&server, "openai/some")).await;
    assert_eq!(ask(&gateway, &request).await.status, 200);
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    let sent: Value = serde_json::from_slice(&asked[1]).expect("a request");
    assert_eq!(sent["messages"][0]["content"], format!("I was told: {ANSWER}\n\nHello?"));
    gateway.process.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));

    add(&home, "asker-b", &asks("asks-b"));
    let gateway = Gateway::start(&home, &config(&server, "openai/some")).await;
    assert_eq!(ask(&gateway, &request).await.status, 200);
    gateway.await_log(0, &["LDR-CALL-DEPTH"]).await;
    let asked = server.asked().len();
    assert!((4..64).contains(&asked), "{asked}");
}

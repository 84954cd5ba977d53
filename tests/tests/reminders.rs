//! The bundled plugin `reminders` on a real network, on the command line, and with a store and a channel that fail.

use integration_tests::{
    Home, build, expect_no_error, expect_unloaded,
    gateway::Gateway,
    irc::IrcServer,
    peers,
    upkeep::{ask, lines},
};
use loader_abi::class;
use loader_core::{
    CallOptions, Engine,
    message::{Failure, Metadata, Reply, from_json},
    reload::Cause,
    service::{Answer, Service, ServiceRequest},
};
use serde_json::{Value, json};
use std::{process::Command, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Runs the program to its end: its exit code and what it said on standard output.
async fn loader(home: &Home, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(build::loader());
    command.args(arguments).arg("--state-dir").arg(home.state());
    command.arg("--plugins-dir").arg(home.plugins()).env_clear().env("HOME", home.state());
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.expect("no panic").expect("it can be run");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
}

fn heard(events: &[Value]) -> Vec<&str> {
    let heard = events.iter().filter(|event| event["event"] == "heard");
    heard.filter_map(|event| event["text"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_said_where_it_was_asked_for_and_survives_a_restart() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    for plugin in ["echo", "irc", "reminders"] {
        home.add(plugin);
    }
    let server = IrcServer::start(&home).await;
    let config = server.account("alpha", "alpha", 0.0);
    let mut gateway = Gateway::start(&home, &config).await;
    gateway.await_log(0, &["account=\"alpha\"", "state=\"connected\""]).await;
    let mut arguments = vec!["--wait-for", "alpha", "--expect", "6"];
    for said in ["/remind 3s tea", "/reminder 1d cake", "/remind list", "/remind soon tea"] {
        arguments.extend(["--say", said]);
    }
    let arguments: Vec<String> = arguments
        .iter()
        .map(|word| if word.starts_with('/') { format!("alpha: {word}") } else { word.to_string() })
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let events = server.talk(&arguments).await;
    let said = heard(&events);
    for expected in [
        "I will say so in 3s (#1).",
        "I will say so in 1d (#2).",
        "Reminder: tea",
        "`soon` is no span of time up to a year; write /remind 10m tea, /remind list or /remind cancel 3",
    ] {
        assert!(said.contains(&expected), "{expected}: {said:?}");
    }

    // The gateway that runs is asked, and then nobody is there but the plugin.
    let add =
        ["reminders", "add", "1s", "from", "far", "--channel", "irc", "--conversation", "#test"];
    let add = [&add[..], &["--account", "alpha"]].concat();
    let (code, list) = loader(&home, &["reminders"]).await;
    assert_eq!(code, Some(0));
    assert!(list.starts_with("#2 in ") && list.ends_with("(irc alpha #test): cake\n"), "{list}");
    let status = ask(&gateway, "service/1/list", json!({})).await;
    let output = status["services"][0]["output"].as_str().expect("text");
    assert!(output.starts_with("the next is due in "), "{output}");
    let tidied = ask(&gateway, "scheduled-task/1/run", json!({ "task": "reminders.tidy" })).await;
    assert_eq!(tidied["output"], "dropped 0");
    gateway.process.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    assert_eq!(loader(&home, &add).await, (Some(0), "I will say so in 1s (#3).\n".to_owned()));
    assert_eq!(loader(&home, &["reminders", "cancel", "2"]).await.0, Some(0));
    assert_eq!(loader(&home, &["reminders", "cancel", "2"]).await.0, Some(4));
    assert_eq!(loader(&home, &["reminders", "add", "soon", "tea"]).await.0, Some(2));

    let gateway = Gateway::start(&home, &config).await;
    gateway.await_log(0, &["said #3"]).await;
    assert_eq!(lines(&gateway, &["said #"]).len(), 1);
    assert_eq!(loader(&home, &["reminders"]).await, (Some(0), String::new()));
}

/// What a channel was asked to say: the idempotency key and the text.
type Asked = (String, String);

/// A channel that tells what it is asked. It is not connected, or never answers whom it is asked by first.
struct Channel {
    asked: mpsc::UnboundedSender<Asked>,
    is_connected: bool,
}

impl Service for Channel {
    fn name(&self) -> &str {
        "channel/1"
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let body: Value = from_json(&request.body).expect("JSON");
        let text = body["text"].as_str().expect("text").to_owned();
        let _ = self.asked.send((request.options.idempotency_key, text));
        match self.is_connected {
            true => Answer::later(std::future::pending()),
            false => {
                let message = "nobody is connected";
                Err(Failure::new(class::UNAVAILABLE, "not_connected", message)).into()
            }
        }
    }
}

/// A store that lists a key that is not there any more, and does not write what could not be said.
struct Store(Arc<dyn Service>);

impl Service for Store {
    fn name(&self) -> &str {
        "kv/1"
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match &*request.method {
            "put" if request.body.windows(9).any(|part| part == b"\"trouble\"") => {
                Err(Failure::new(class::UNAVAILABLE, "full", "there is no room")).into()
            }
            "list" => match self.0.call(request) {
                Answer::Ready(Ok(reply)) => with_another(reply).into(),
                Answer::Ready(failed) => failed.into(),
                Answer::Later(later) => Answer::later(async { with_another(later.await?) }),
            },
            _ => self.0.call(request),
        }
    }

    fn release(&self, caller: &loader_core::service::ServiceCaller) {
        self.0.release(caller);
    }
}

fn with_another(reply: Reply) -> Result<Reply, Failure> {
    let mut list: Value = from_json(&reply.body)?;
    list["keys"].as_array_mut().expect("keys").insert(0, json!("due/000000000000000/0"));
    Reply::json(&list)
}

/// The plugin with these beside it, its clock running, and what its channel is asked.
async fn serve(home: &Home, is_connected: bool) -> (Engine, mpsc::UnboundedReceiver<Asked>) {
    home.add("reminders");
    let (asked, ask) = mpsc::unbounded_channel();
    let mut options = home.options();
    let store = Store(options.services.get("kv/1").expect("a store").clone());
    let channel = Channel { asked, is_connected };
    let services: [Arc<dyn Service>; 2] = [Arc::new(store), Arc::new(channel)];
    options.services = options.services.with(services);
    options.reload.canary.window = Duration::ZERO;
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load_all().await);
    call(&engine, "service/1", "reminders", "start", json!(null)).await;
    (engine, ask)
}

async fn call(engine: &Engine, contract: &str, id: &str, method: &str, request: Value) -> Value {
    let target = engine.target(contract, Some(id), method).expect("it is served");
    let options = CallOptions::by("gateway").within(Duration::from_secs(10));
    let reply = target.call(options, Metadata::new(), request.to_string().into_bytes()).await;
    serde_json::from_slice(&reply.expect("an answer").body).unwrap_or_default()
}

/// What the command answers in a chat.
async fn remind(engine: &Engine, arguments: &str) -> String {
    let request = json!({
        "name": "remind", "arguments": arguments,
        "channel": "pipe", "account": "one", "conversation": "#tea",
    });
    let reply = call(engine, "chat-command/1", "remind", "run", request).await;
    reply["text"].as_str().expect("a text").to_owned()
}

async fn next(asked: &mut mpsc::UnboundedReceiver<Asked>) -> Asked {
    let next = tokio::time::timeout(Duration::from_secs(20), asked.recv()).await;
    next.expect("it is said in time").expect("the channel is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_can_be_neither_said_nor_put_off_is_still_there() {
    let home = Home::new();
    let (engine, mut asked) = serve(&home, false).await;
    remind(&engine, "1s tea").await;
    // Though another, which was due before, went meanwhile.
    assert_eq!(next(&mut asked).await.1, "Reminder: tea");
    // Whoever comes next comes after the one that is put off.
    remind(&engine, "1d cake").await;
    let list = remind(&engine, "list").await;
    assert!(list.starts_with("#1 in ") && list.contains(": tea\n#2 in "), "{list}");
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_being_said_when_the_plugin_is_replaced_is_said_by_the_same_key() {
    let home = Home::new();
    let (engine, mut asked) = serve(&home, true).await;
    remind(&engine, "1s tea").await;
    let first = next(&mut asked).await;
    assert!(first.0.starts_with("reminders/1/"), "{first:?}");
    let reload = engine.reload("reminders", Cause::Requested).expect("it is served");
    engine.reloads().published(reload).await.expect("it is remembered");
    call(&engine, "service/1", "reminders", "start", json!(null)).await;
    assert_eq!(next(&mut asked).await, first);
    engine.stop(Duration::from_secs(5)).await;
}

//! The bundled plugin `reminders` on a real network and on the command line.

use integration_tests::{
    Home, build,
    gateway::Gateway,
    irc::IrcServer,
    peers,
    upkeep::{ask, lines},
};
use serde_json::{Value, json};
use std::process::Command;

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

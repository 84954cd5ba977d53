//! Conversations on a real IRC server.

use integration_tests::{Home, gateway::Gateway, peers};
use serde_json::Value;
use tokio::process::Command;

fn config(port: u64, tls_port: u64, certificate: &str) -> String {
    let account = |name: &str, server: String| {
        format!(
            "[channels.irc.accounts.{name}]\nhost = \"127.0.0.1\"\n{server}nick = \"{name}\"\n\
             channels = [\"#test\"]\nmessages_per_second = 0\n"
        )
    };
    account("alpha", format!("port = {port}\ntls = false\n"))
        + &account("beta", format!("port = {tls_port}\ntls_ca_file = \"{certificate}\"\n"))
}

/// A person talks to a bot and hears the answers.
async fn talk(port: u64, arguments: &[&str]) -> Vec<Value> {
    let output = Command::new("python3")
        .arg(peers::script("irc_user.py"))
        .args(["--port", &port.to_string(), "--seconds", "40"])
        .args(arguments)
        .output()
        .await
        .expect("the user can be run");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let done = events.last().expect("a last event");
    assert_eq!((&done["event"], &done["ok"]), (&"done".into(), &true.into()), "{text}");
    events
}

fn heard(events: &[Value], from: &str) -> Vec<String> {
    let heard = events.iter().filter(|event| event["event"] == "heard" && event["from"] == from);
    heard.map(|event| event["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_talk_in_order_split_long_replies_and_survive_the_servers_death() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    for plugin in ["echo", "irc"] {
        home.add(plugin);
    }
    let folder = home.state().join("ngircd");
    let folder = folder.to_str().expect("UTF-8").to_owned();
    let (server, said) = peers::start(&["ngircd", "--directory", &folder]).await;
    let number = |key: &str| said[key].as_u64().expect("a number");
    let (port, tls_port) = (number("port"), number("tls_port"));
    let certificate = said["certificate"].as_str().expect("a certificate");
    let gateway = Gateway::start(&home, &config(port, tls_port, certificate)).await;
    for account in ["alpha", "beta"] {
        let named = format!("account=\"{account}\"");
        gateway.await_log(0, &[&named, "state=\"connected\""]).await;
    }

    // In order: each reply belongs to its question, and none is missing or repeated.
    let questions: Vec<String> = (1..=12).map(|number| format!("alpha: line {number}")).collect();
    let mut arguments = vec!["--wait-for", "alpha", "--expect", "12"];
    for question in &questions {
        arguments.extend(["--say", question]);
    }
    let events = talk(port, &arguments).await;
    let expected: Vec<String> = (1..=12).map(|number| format!("line {number}")).collect();
    assert_eq!(heard(&events, "alpha"), expected);
    assert_eq!(heard(&events, "beta"), Vec::<String>::new());

    // Split at the protocol's limit, on character boundaries: the user reports any violation. The
    // question itself must fit into a line, so the echo of it is what is long: many-byte characters.
    let long = "äö€😀 ".repeat(36);
    let question = format!("beta: {}", long.trim());
    let events = talk(
        port,
        &["--wait-for", "beta", "--say", &question, "--expect", "1", "--nick", "second"],
    )
    .await;
    assert_eq!(heard(&events, "beta").join(" "), long.trim());

    // The server dies and comes back at the same place.
    let before = gateway.log().len();
    let id = said["pid"].as_u64().expect("a process id").to_string();
    let killed = std::process::Command::new("kill").args(["-s", "KILL", &id]).status();
    assert!(killed.expect("kill can be run").success());
    drop(server);
    let mut at = Vec::new();
    for account in ["alpha", "beta"] {
        let named = format!("account=\"{account}\"");
        let lost = gateway.await_log(before, &[&named, "state=\"disconnected\""]).await;
        at.push((
            named.clone(),
            gateway.await_log(lost, &[&named, "state=\"reconnecting\""]).await,
        ));
    }
    let (port_text, tls_text) = (port.to_string(), tls_port.to_string());
    let again = ["ngircd", "--directory", &folder, "--port", &port_text, "--tls-port", &tls_text];
    let (_server, _) = peers::start(&again).await;
    for (named, reconnecting) in at {
        gateway.await_log(reconnecting, &[&named, "state=\"connected\""]).await;
    }
    // Exactly one answer to one question: nothing from before is sent again.
    let events =
        talk(port, &["--wait-for", "alpha", "--say", "alpha: back", "--expect", "1"]).await;
    assert_eq!(heard(&events, "alpha"), ["back"]);
}

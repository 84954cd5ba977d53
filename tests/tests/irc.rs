//! Conversations on a real IRC server.

use integration_tests::{Home, gateway::Gateway, irc::IrcServer, peers};
use serde_json::Value;

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
    let mut server = IrcServer::start(&home).await;
    let config =
        server.account("alpha", "alpha", 0.0) + &server.account_over_tls("beta", "beta", 0.0);
    let gateway = Gateway::start(&home, &config).await;
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
    let events = server.talk(&arguments).await;
    let expected: Vec<String> = (1..=12).map(|number| format!("line {number}")).collect();
    assert_eq!(heard(&events, "alpha"), expected);
    assert_eq!(heard(&events, "beta"), Vec::<String>::new());

    // Split at the protocol's limit, on character boundaries: the user reports any violation. The
    // question itself must fit into a line, so the echo of it is what is long: many-byte characters.
    let long = "äö€😀 ".repeat(36);
    let question = format!("beta: {}", long.trim());
    let arguments = ["--wait-for", "beta", "--say", &question, "--expect", "1", "--nick", "second"];
    let events = server.talk(&arguments).await;
    assert_eq!(heard(&events, "beta").join(" "), long.trim());

    // The server dies and comes back at the same place.
    let before = gateway.log().len();
    server.kill().await;
    let mut at = Vec::new();
    for account in ["alpha", "beta"] {
        let named = format!("account=\"{account}\"");
        let lost = gateway.await_log(before, &[&named, "state=\"disconnected\""]).await;
        at.push((
            named.clone(),
            gateway.await_log(lost, &[&named, "state=\"reconnecting\""]).await,
        ));
    }
    server.start_again().await;
    for (named, reconnecting) in at {
        gateway.await_log(reconnecting, &[&named, "state=\"connected\""]).await;
    }
    // Exactly one answer to one question: nothing from before is sent again.
    let arguments = ["--wait-for", "alpha", "--say", "alpha: back", "--expect", "1"];
    let events = server.talk(&arguments).await;
    assert_eq!(heard(&events, "alpha"), ["back"]);
}

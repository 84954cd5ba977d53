//! What the gateway says reaches people, once.

use crate::{
    host::Stage,
    server::{Server, online_with, settings, settings_with},
};
use loader_sdk::{
    abi::class,
    contract::channel::AccountState::{Connected, Disconnected},
};
use serde_json::json;
use tokio::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_text_is_split_at_the_protocols_limit() {
    let (stage, mut server) = online_with(settings()).await;
    let text = "Füße, Käse und Bäume 🦀 ".repeat(60);
    let pieces = stage.send("", "#room", &text).await.expect("sent");
    let mut joined = String::new();
    for _ in 0..pieces {
        let line = server.hear().await.expect("a line");
        let relayed = format!(":bot!~bot@host {line}\r\n");
        assert!(relayed.len() <= 512, "{}", relayed.len());
        joined.push_str(line.strip_prefix("PRIVMSG #room :").expect("a message"));
    }
    assert_eq!(joined, text);
    assert_eq!(pieces, 4);
}

#[tokio::test(start_paused = true)]
async fn lines_are_lines_and_nothing_is_no_line() {
    let (stage, mut server) = online_with(settings()).await;
    assert_eq!(stage.send("", "al", "one\r\n\r\ntwo\0\n").await.expect("sent"), 2);
    server.expect("PRIVMSG al :one").await;
    server.expect("PRIVMSG al :two").await;
    assert_eq!(stage.send("", "al", "\n \n").await.expect("nothing to send"), 0);
}

#[tokio::test(start_paused = true)]
async fn no_conversation_becomes_a_command() {
    let (stage, mut server) = online_with(settings()).await;
    for conversation in ["", "#a b", "#a\r\nQUIT", ":x", "#a,#b", &"x".repeat(500)] {
        let error = stage.send("", conversation, "hi").await.expect_err("refused");
        let found = (error.class, error.code.as_str());
        assert_eq!(found, (class::INVALID, "unknown_conversation"), "{conversation:?}");
    }
    server.say("PING :done");
    server.expect("PONG :done").await;
}

#[tokio::test(start_paused = true)]
async fn flood_control_paces_what_is_sent() {
    let (stage, mut server) = online_with(settings_with("messages_per_second", json!(2))).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let before = stage.age();
    let text = (0..9).map(|number| format!("{number}\n")).collect::<String>();
    let sent = stage.send("", "#room", &text);
    let (sent, times) = tokio::join!(sent, async {
        let mut times = Vec::new();
        for _ in 0..9 {
            server.hear().await.expect("a line");
            times.push((stage.age() - before).as_millis());
        }
        times
    });
    assert_eq!(sent.expect("sent"), 9);
    assert!(times[4] < 10, "five at once: {times:?}");
    for (number, time) in times[5..].iter().enumerate() {
        let due = 500 * (number as u128 + 1);
        assert!((due..due + 20).contains(time), "then one in half a second: {times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_key_does_not_send_again() {
    let (mut stage, mut server) = online_with(settings()).await;
    assert_eq!(stage.send("key-1", "#room", "once").await.expect("sent"), 1);
    assert_eq!(stage.send("key-1", "#room", "once").await.expect("remembered"), 1);
    assert_eq!(stage.send("key-2", "#room", "twice").await.expect("sent"), 1);
    server.expect("PRIVMSG #room :once").await;
    server.expect("PRIVMSG #room :twice").await;
    server.hang_up();
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    assert_eq!(stage.send("key-2", "#room", "twice").await.expect("remembered"), 1);
    assert_eq!(stage.send("", "#room", "no key").await.expect("sent"), 1);
    assert_eq!(stage.send("", "#room", "no key").await.expect("sent"), 1);
    server.expect("PRIVMSG #room :no key").await;
    server.expect("PRIVMSG #room :no key").await;
}

#[tokio::test(start_paused = true)]
async fn two_calls_with_one_key_at_once_send_once() {
    let (stage, mut server) = online_with(settings()).await;
    server.stop_reading(true);
    let (first, second, ()) = tokio::join!(
        stage.send("key", "#room", "once"),
        stage.send("key", "#room", "once"),
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            server.stop_reading(false);
        }
    );
    assert_eq!((first.expect("sent"), second.expect("the same")), (1, 1));
    server.expect("PRIVMSG #room :once").await;
    server.say("PING :done");
    server.expect("PONG :done").await;
}

#[tokio::test(start_paused = true)]
async fn a_memory_outlives_its_account() {
    let (mut stage, mut server) = online_with(settings()).await;
    stage.send("key", "#room", "once").await.expect("sent");
    server.expect("PRIVMSG #room :once").await;
    stage.disconnect("home").await.expect("it was connected");
    stage.connect("home", settings()).await.expect("valid settings");
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    assert_eq!(stage.send("key", "#room", "once").await.expect("remembered"), 1);
    server.say("PING :done");
    server.expect("PONG :done").await;
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_nothing_is_sent_and_trying_again_works() {
    let mut stage = Stage::new().await;
    let error = stage.send("key", "#room", "hi").await.expect_err("no such account");
    assert_eq!((error.class, error.code.as_str()), (class::NOT_FOUND, "unknown_account"));
    stage.connect("home", settings()).await.expect("valid settings");
    let error = stage.send("key", "#room", "hi").await.expect_err("not connected yet");
    assert_eq!((error.class, error.code.as_str()), (class::UNAVAILABLE, "not_connected"));
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    assert_eq!(stage.send("key", "#room", "hi").await.expect("sent"), 1);
    server.expect("PRIVMSG #room :hi").await;
}

#[tokio::test(start_paused = true)]
async fn a_break_before_the_first_piece_may_be_tried_again() {
    let (mut stage, server) = online_with(settings()).await;
    server.stop_reading(true);
    let (error, ()) = tokio::join!(stage.send("key", "#room", "hi"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.hang_up();
    });
    let error = error.expect_err("the connection broke");
    assert_eq!((error.class, error.code.as_str()), (class::UNAVAILABLE, "not_connected"));
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    assert_eq!(stage.send("key", "#room", "hi").await.expect("sent"), 1);
    server.expect("PRIVMSG #room :hi").await;
}

#[tokio::test(start_paused = true)]
async fn a_break_between_pieces_must_not_be_tried_again() {
    let (mut stage, mut server) = online_with(settings_with("messages_per_second", json!(1))).await;
    let text = (0..20).map(|number| format!("{number}\n")).collect::<String>();
    let (error, ()) = tokio::join!(stage.send("key", "#room", &text), async {
        for number in 0..7 {
            server.expect(&format!("PRIVMSG #room :{number}")).await;
        }
        server.hang_up();
    });
    let error = error.expect_err("the connection broke");
    assert_eq!((error.class, error.code.as_str()), (class::INTERNAL, "sent_partly"));
    assert!(error.message.contains("7 pieces"), "{}", error.message);
    assert_eq!(stage.status().await.state, Disconnected);
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    let error = stage.send("key", "#room", &text).await.expect_err("remembered");
    assert_eq!(error.code.as_str(), "sent_partly");
    server.say("PING :done");
    server.expect("PONG :done").await;
}

#[tokio::test(start_paused = true)]
async fn a_text_goes_out_whole_even_if_the_caller_does_not_wait() {
    let (stage, mut server) = online_with(settings_with("messages_per_second", json!(2))).await;
    let text = (0..20).map(|number| format!("{number}\n")).collect::<String>();
    let impatient = tokio::time::timeout(Duration::from_secs(3), stage.send("key", "#room", &text));
    assert!(impatient.await.is_err(), "it takes longer");
    for number in 0..20 {
        server.expect(&format!("PRIVMSG #room :{number}")).await;
    }
    assert_eq!(stage.send("key", "#room", &text).await.expect("remembered"), 20);
}

#[tokio::test(start_paused = true)]
async fn too_much_at_once_is_refused_without_being_sent() {
    let (stage, server) = online_with(settings()).await;
    server.stop_reading(true);
    let sends = (0..80)
        .map(|_| tokio::time::timeout(Duration::from_secs(1), stage.send("", "#room", "hi")));
    let results = loader_sdk::futures::future::join_all(sends).await;
    let refused: Vec<_> =
        results.into_iter().filter_map(|result| result.ok().and_then(Result::err)).collect();
    assert!((10..20).contains(&refused.len()), "{}", refused.len());
    for error in refused {
        assert_eq!((error.class, error.code.as_str()), (class::EXHAUSTED, "outbox_full"));
        assert!(error.retry_after_ms.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn two_accounts_keep_apart() {
    let mut stage = Stage::new().await;
    let mut servers = Vec::new();
    for account in ["home", "work"] {
        stage.connect(account, settings()).await.expect("valid settings");
        let server = Server::welcome(&mut stage).await;
        assert_eq!(server.request().name, format!("account/{account}"));
        stage.until(Connected).await;
        servers.push(server);
    }
    stage.send("", "#room", "from home").await.expect("sent");
    servers[0].expect("PRIVMSG #room :from home").await;
    servers[1].say(":al!u@h PRIVMSG bot :to work");
    assert_eq!(stage.message().await.account, "work");
    servers[0].hang_up();
    assert_eq!(stage.until(Disconnected).await.1.account, "home");
    servers[1].say("PING :done");
    servers[1].expect("PONG :done").await;
}

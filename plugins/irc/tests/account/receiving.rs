//! What people say reaches the gateway.

use crate::{
    host::Stage,
    server::{Server, settings, settings_with},
};
use loader_sdk::contract::channel::{AccountState::Connected, ConversationKind};
use serde_json::json;

async fn online() -> (Stage, Server) {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    (stage, server)
}

#[tokio::test(start_paused = true)]
async fn messages_are_delivered_with_their_conversation() {
    let (mut stage, server) = online().await;
    server.say(":Al!al@h PRIVMSG #Room :bot: \u{2}hello\u{2}");
    let message = stage.message().await;
    assert_eq!((message.account.as_str(), message.text.as_str()), ("home", "hello"));
    assert_eq!(message.conversation.id, "#room");
    assert_eq!(message.conversation.kind, ConversationKind::Group);
    assert!(message.addressed);
    assert!(message.timestamp_ms >= 1_700_000_000_000, "the host's time");
    server.say("@time=2011-10-19T16:40:51.620Z :Al!al@h PRIVMSG bot :psst");
    let message = stage.message().await;
    assert_eq!((message.conversation.id.as_str(), message.addressed), ("al", true));
    assert_eq!(message.timestamp_ms, 1_319_042_451_620);
}

#[tokio::test(start_paused = true)]
async fn a_slow_gateway_does_not_keep_pings_waiting_and_order_is_kept() {
    let (mut stage, mut server) = online().await;
    stage.gateway_takes(0);
    for number in 0..100 {
        server.say(&format!(":al!al@h PRIVMSG #room :{number}"));
    }
    server.say("PING :now");
    server.expect("PONG :now").await;
    assert!(stage.messages.try_recv().is_err(), "the gateway took nothing yet");
    stage.gateway_takes(100);
    for number in 0..100 {
        let message = stage.message().await;
        assert_eq!(message.text, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stuck_gateway_never_took_is_bounded_and_counted() {
    let (mut stage, mut server) = online().await;
    stage.gateway_takes(0);
    for number in 0..1_000 {
        server.say(&format!(":al!al@h PRIVMSG #room :{number}"));
    }
    server.say("PING :now");
    server.expect("PONG :now").await;
    let undelivered = stage.health().await["details"]["home"]["undelivered"].as_u64();
    let undelivered = undelivered.expect("a count") as usize;
    assert!((700..1_000).contains(&undelivered), "{undelivered}");
    stage.gateway_takes(1_000);
    for number in 0..1_000 - undelivered {
        let message = stage.message().await;
        assert_eq!(message.text, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_is_survived() {
    let (mut stage, mut server) = online().await;
    server.say_bytes(b"\0\xff\xfe\r\n:\r\n@\r\n: :\r\n\r\n:x 005\r\nPRIVMSG\r\n:bot!\r\nPING\r\n");
    server.expect("PONG :").await;
    server.say_bytes(&[b'x'; 100_000]);
    server.say_bytes(b"\n:al!u@h PRI");
    server.say_bytes(b"VMSG bot :caf\xe9\n");
    let message = stage.message().await;
    assert_eq!(message.text, "caf\u{fffd}");
    assert_eq!(stage.health().await["details"]["home"]["overlong_lines"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_client_questions_does_not_crowd_out_answers() {
    let mut stage = Stage::new().await;
    let slowly = settings_with("messages_per_second", json!(1));
    stage.connect("home", slowly).await.expect("valid settings");
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    for _ in 0..200 {
        server.say(":al!u@h PRIVMSG bot :\u{1}VERSION\u{1}");
    }
    server.say("PING :now");
    server.until("PONG :now").await;
    let sent = stage.send("", "#room", "an answer");
    let (sent, heard) =
        tokio::join!(sent, async { server.until("PRIVMSG #room :an answer").await });
    assert_eq!(sent.expect("sent"), 1);
    assert!(heard < 20, "{heard} lines before the answer");
}

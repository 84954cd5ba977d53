//! Accounts go on over a reload: nobody notices, nothing is lost, nothing is said twice.

use crate::{
    host::{SECRET, Stage, Vault},
    server::{Server, online_with, settings, settings_with},
};
use loader_sdk::{
    abi::{CallError, class},
    contract::channel::AccountState::{Connected, Connecting, Disconnected, Failed, Reconnecting},
};
use serde_json::json;
use tokio::time::Duration;

/// Nobody was told of a change, and there is no other connection.
fn expect_unnoticed(stage: &mut Stage) {
    assert!(stage.statuses.try_recv().is_err(), "the gateway noticed");
    assert!(stage.lines.try_recv().is_err(), "there is another connection");
    assert_eq!(stage.closed(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_account_goes_on_where_it_stood_and_nobody_notices() {
    let (mut stage, mut server) = online_with(settings()).await;
    for number in 0..20 {
        stage.reload().await;
        server.say(&format!(":al!al@h PRIVMSG #Room :bot: {number}"));
        assert_eq!(stage.message().await.text, number.to_string());
        assert_eq!(stage.send("", "#room", &format!("re {number}")).await.expect("sent"), 1);
        server.expect(&format!("PRIVMSG #room :re {number}")).await;
        assert_eq!(stage.health().await["status"], "pass");
        assert_eq!(stage.accounts().await[0].identity, "bot");
    }
    expect_unnoticed(&mut stage);
    let status = stage.connect("home", settings()).await.expect("valid settings");
    assert_eq!(status.state, Connected, "the gateway may ask again");
    expect_unnoticed(&mut stage);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_meanwhile_is_heard_however_it_is_cut() {
    let (mut stage, mut server) = online_with(settings()).await;
    server.say_bytes(b":al!al@h PRIVMSG bot :one\r\n:al!al@h PRIVMSG bot :t\xc3");
    assert_eq!(stage.message().await.text, "one");
    let state = stage.life().export().await.expect("it comes to rest");
    server.say_bytes(b"\xb6o\r\n:al!al@h PRIVMSG bot :thr");
    let mut fresh = stage.another().await;
    fresh.import(&state).await;
    fresh.run();
    stage.exchange(fresh).retire().await;
    assert_eq!(stage.message().await.text, "töo");
    server.say_bytes(b"ee\r\nPING :x\r\n");
    assert_eq!(stage.message().await.text, "three");
    server.expect("PONG :x").await;
    expect_unnoticed(&mut stage);
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_be_written_goes_out_once_in_order_at_its_pace() {
    let (mut stage, mut server) = online_with(settings_with("messages_per_second", json!(2))).await;
    let text = (0..20).map(|number| format!("{number}\n")).collect::<String>();
    let impatient = tokio::time::timeout(Duration::from_secs(2), stage.send("key", "#room", &text));
    assert!(impatient.await.is_err(), "it takes longer");
    let before = stage.age();
    let mut reloads = 0;
    for number in 0..20 {
        server.expect(&format!("PRIVMSG #room :{number}")).await;
        if number % 3 == 0 {
            stage.reload().await;
            reloads += 1;
        }
    }
    assert_eq!(reloads, 7);
    let took = stage.age() - before;
    assert!((Duration::from_secs(5)..Duration::from_secs(9)).contains(&took), "{took:?}");
    assert_eq!(stage.send("key", "#room", &text).await.expect("remembered"), 20);
    expect_unnoticed(&mut stage);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_is_remembered() {
    let (mut stage, mut server) = online_with(settings()).await;
    assert_eq!(stage.send("key-1", "#room", "a\nb").await.expect("sent"), 2);
    stage.reload().await;
    assert_eq!(stage.send("key-1", "#room", "a\nb").await.expect("remembered"), 2);
    for line in ["PRIVMSG #room :a", "PRIVMSG #room :b"] {
        server.expect(line).await;
    }
    stage.disconnect("home").await.expect("it was connected");
    server.expect("QUIT :see you").await;
    stage.reload().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    assert_eq!(stage.send("key-1", "#room", "a\nb").await.expect("remembered"), 2);
    server.say("PING :done");
    server.expect("PONG :done").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_gateway_did_not_take_is_delivered_by_the_next() {
    let (mut stage, mut server) = online_with(settings()).await;
    let busy = CallError::new(class::EXHAUSTED, "LDR-CALL-BUSY", "too many");
    stage.refuse_messages(Some(busy));
    for number in 0..30 {
        server.say(&format!(":al!al@h PRIVMSG bot :{number}"));
    }
    server.say("PING :read");
    server.expect("PONG :read").await;
    stage.reload().await;
    stage.reload().await;
    stage.refuse_messages(None);
    for number in 0..30 {
        assert_eq!(stage.message().await.text, number.to_string());
    }
    assert!(stage.messages.try_recv().is_err(), "none came twice");
    expect_unnoticed(&mut stage);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_does_not_come_to_rest_goes_on_as_before() {
    let (mut stage, mut server) = online_with(settings()).await;
    stage.gateway_takes(0);
    for number in 0..3 {
        server.say(&format!(":al!al@h PRIVMSG bot :{number}"));
    }
    server.say("PING :read");
    server.expect("PONG :read").await;
    let error = stage.life().export().await.expect_err("the gateway is stuck");
    assert_eq!((error.class, error.code.as_str()), (class::UNAVAILABLE, "not_at_rest"));
    server.say("PING :still here");
    server.expect("PONG :still here").await;
    stage.gateway_takes(3);
    for number in 0..3 {
        assert_eq!(stage.message().await.text, number.to_string());
    }
    stage.reload().await;
    assert_eq!(stage.send("", "#room", "hi").await.expect("sent"), 1);
    server.expect("PRIVMSG #room :hi").await;
    expect_unnoticed(&mut stage);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stops_waiting_lets_the_accounts_go_on() {
    let (mut stage, mut server) = online_with(settings()).await;
    stage.gateway_takes(0);
    server.say(":al!al@h PRIVMSG bot :hi");
    server.say("PING :read");
    server.expect("PONG :read").await;
    let export = tokio::time::timeout(Duration::from_millis(100), stage.life().export());
    assert!(export.await.is_err(), "the host gave up first");
    stage.gateway_takes(1);
    assert_eq!(stage.message().await.text, "hi");
    server.say("PING :still here");
    server.expect("PONG :still here").await;
    expect_unnoticed(&mut stage);
}

#[tokio::test(start_paused = true)]
async fn a_generation_whose_successor_is_withdrawn_goes_on_from_its_state() {
    let (mut stage, mut server) = online_with(settings()).await;
    let state = stage.life().export().await.expect("it comes to rest");
    let mut fresh = stage.another().await;
    fresh.import(&state).await;
    fresh.run();
    let old = stage.exchange(fresh);
    server.say(":al!al@h PRIVMSG bot :one");
    assert_eq!(stage.message().await.text, "one");
    assert_eq!(stage.send("key", "#room", "two").await.expect("sent"), 1);
    let state = stage.life().export().await.expect("it comes to rest");
    server.say(":al!al@h PRIVMSG bot :three");
    old.import(&state).await;
    stage.exchange(old).retire().await;
    assert_eq!(stage.message().await.text, "three");
    assert_eq!(stage.send("key", "#room", "two").await.expect("remembered"), 1);
    server.expect("PRIVMSG #room :two").await;
    server.say("PING :done");
    server.expect("PONG :done").await;
    expect_unnoticed(&mut stage);
}

#[tokio::test(start_paused = true)]
async fn a_registration_goes_on_between_any_two_lines_and_no_secret_is_in_the_state() {
    let mut stage = Stage::new().await;
    let reference = format!("secret:{}", SECRET.0);
    let config = settings_with("sasl", json!({"account": "acc", "password": reference}));
    stage.connect("home", config).await.expect("valid settings");
    let mut server = Server::accept(&mut stage).await;
    for expected in ["CAP LS 302", "NICK bot", "USER bot 0 * :bot"] {
        server.expect(expected).await;
    }
    let conversation = [
        (":s CAP * LS :sasl", "CAP REQ :sasl"),
        (":s CAP * ACK :sasl", "AUTHENTICATE PLAIN"),
        ("AUTHENTICATE +", "AUTHENTICATE AGFjYwBwdw=="),
        (":s 433 * bot :Nickname is already in use", "NICK bot_"),
        (":s 903 * :SASL authentication successful", "CAP END"),
        (":s 001 bot_ :Welcome", "USERHOST bot_"),
    ];
    for (said, answered) in conversation {
        let state = stage.life().export().await.expect("it comes to rest");
        let text = state.to_string();
        assert!(!text.contains(SECRET.1) && !text.contains("AGFjYwBwdw"), "{text}");
        let mut fresh = stage.another().await;
        fresh.import(&state).await;
        fresh.run();
        stage.exchange(fresh).retire().await;
        server.say(said);
        server.expect(answered).await;
    }
    for expected in ["JOIN #room", "PING :loader-ready"] {
        stage.reload().await;
        server.expect(expected).await;
    }
    server.say(":bot_!~bot@host JOIN #room");
    stage.reload().await;
    server.say(":s PONG s :loader-ready");
    let (before, status) = stage.until(Connected).await;
    assert_eq!((before, status.identity.as_str()), (vec![Connecting], "bot_"));
    expect_unnoticed(&mut stage);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_meanwhile_is_made_again() {
    let (mut stage, server) = online_with(settings()).await;
    let state = stage.life().export().await.expect("it comes to rest");
    server.hang_up();
    let mut fresh = stage.another().await;
    fresh.import(&state).await;
    fresh.run();
    stage.exchange(fresh).retire().await;
    let mut server = Server::welcome(&mut stage).await;
    let (before, _) = stage.until(Connected).await;
    assert_eq!(before, [Disconnected, Reconnecting]);
    assert_eq!(stage.send("", "#room", "back").await.expect("sent"), 1);
    server.expect("PRIVMSG #room :back").await;
}

/// An account whose password is a secret, online, and then without a connection and between two
/// generations of the plugin; the later of which dials while the secret is not to be had.
async fn lost_with_a_secret(vault: Vault) -> (Stage, Server) {
    let reference = format!("secret:{}", SECRET.0);
    let mut stage = Stage::new().await;
    let config = settings_with("password", json!(reference));
    stage.connect("home", config).await.expect("valid settings");
    let mut server = Server::accept(&mut stage).await;
    server.let_in(&FIRST_LINES).await;
    stage.until(Connected).await;
    let state = stage.life().export().await.expect("it comes to rest");
    server.hang_up();
    stage.set_vault(vault);
    let mut fresh = stage.another().await;
    fresh.import(&state).await;
    fresh.run();
    stage.exchange(fresh).retire().await;
    let unused = Server::accept(&mut stage).await;
    (stage, unused)
}

const FIRST_LINES: [&str; 4] = ["CAP LS 302", "PASS :pw", "NICK bot", "USER bot 0 * :bot"];

/// It registers on a connection of its own, and what it sends from then on arrives.
async fn expect_registers_anew(mut stage: Stage, mut unused: Server) {
    stage.set_vault(Vault::Open);
    assert_eq!(unused.hear().await, None, "nothing is said on a connection that is given up");
    let mut server = Server::accept(&mut stage).await;
    server.let_in(&FIRST_LINES).await;
    stage.until(Connected).await;
    assert_eq!(stage.send("", "#room", "back").await.expect("sent"), 1);
    server.expect("PRIVMSG #room :back").await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_for_which_there_was_no_secret_is_not_taken_for_the_one_that_was_lost() {
    let busy = CallError::new(class::UNAVAILABLE, "LDR-SECRET-UNAVAILABLE", "try again");
    let (mut stage, unused) = lost_with_a_secret(Vault::Refuses(busy)).await;
    assert_eq!(stage.status().await.state, Disconnected);
    stage.until(Reconnecting).await;
    expect_registers_anew(stage, unused).await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_while_a_secret_is_awaited_does_not_take_up_the_conversation_that_was_lost() {
    let (mut stage, unused) = lost_with_a_secret(Vault::Silent).await;
    assert_eq!(stage.status().await.state, Disconnected);
    stage.until(Reconnecting).await;
    let error = stage.send("", "#room", "lost").await.expect_err("there is no connection");
    assert_eq!(error.code.as_str(), "not_connected");
    stage.set_vault(Vault::Open);
    stage.reload().await;
    expect_registers_anew(stage, unused).await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_leaves_while_a_secret_is_awaited_leaves_no_connection_behind() {
    let (mut stage, mut unused) = lost_with_a_secret(Vault::Silent).await;
    stage.disconnect("home").await.expect("it was connected");
    assert_eq!(unused.hear().await.as_deref(), Some("QUIT :see you"));
    assert_eq!(unused.hear().await, None);
    assert!(stage.lines.try_recv().is_err(), "there is another connection");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_next_try_is_neither_cut_short_nor_begun_again() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    Server::welcome(&mut stage).await.hang_up();
    let waiting = stage.until(Reconnecting).await.1.retry_in_ms.expect("a time");
    let due = stage.age() + Duration::from_millis(waiting);
    stage.reload().await;
    tokio::time::sleep(Duration::from_millis(waiting / 2)).await;
    stage.reload().await;
    let _server = Server::welcome(&mut stage).await;
    assert!(stage.age() >= due - Duration::from_millis(2));
    assert!(stage.age() < due + Duration::from_millis(50));
    stage.until(Connected).await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_gave_up_stays_so_until_it_is_connected_again() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    Server::accept(&mut stage).await.say(":s 464 * :Password incorrect");
    stage.until(Failed).await;
    stage.reload().await;
    assert_eq!(stage.accounts().await[0].state, Failed);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(stage.lines.try_recv().is_err(), "it does not try again by itself");
    stage.connect("home", settings()).await.expect("valid settings");
    Server::welcome(&mut stage).await;
    stage.until(Connected).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_remembers_is_closed_and_made_again() {
    let (mut stage, mut server) = online_with(settings()).await;
    stage.life().export().await.expect("it comes to rest");
    let mut fresh = stage.another().await;
    fresh.run();
    stage.exchange(fresh).retire().await;
    assert!(stage.accounts().await.is_empty(), "the state was let go");
    stage.connect("home", settings()).await.expect("valid settings");
    assert_eq!(server.hear().await, None);
    Server::welcome(&mut stage).await;
    stage.until(Connected).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_generation_says_quit() {
    let (mut stage, mut server) = online_with(settings()).await;
    stage.reload().await;
    stage.send("", "#room", "hi").await.expect("sent");
    server.expect("PRIVMSG #room :hi").await;
    stage.stop().await;
    server.expect("QUIT :the gateway stops").await;
    assert_eq!(server.hear().await, None);
}

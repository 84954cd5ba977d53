//! How accounts come online, stay there, and leave.

use crate::{
    host::{SECRET, Stage},
    server::{Server, settings, settings_with},
};
use loader_sdk::{
    abi::{CallError, class},
    contract::{
        channel::AccountState::{Connected, Connecting, Disconnected, Failed, Reconnecting},
        service::net,
    },
};
use serde_json::json;
use tokio::time::Duration;

#[tokio::test(start_paused = true)]
async fn an_account_comes_online() {
    let mut stage = Stage::new().await;
    let status = stage.connect("home", settings()).await.expect("valid settings");
    assert_eq!((status.account.as_str(), status.state), ("home", Connecting));
    let server = Server::welcome(&mut stage).await;
    let (before, status) = stage.until(Connected).await;
    assert_eq!(before, [Connecting]);
    assert_eq!((status.identity.as_str(), status.detail.as_str()), ("bot", ""));
    let request = server.request();
    assert_eq!((request.name.as_str(), request.port), ("account/home", 6667));
    assert_eq!(request.tls, None);
    assert_eq!(stage.accounts().await, [status]);
    assert_eq!(stage.health().await["status"], "pass");
}

#[tokio::test(start_paused = true)]
async fn tls_and_its_authorities_are_asked_of_the_host() {
    let mut stage = Stage::new().await;
    let config = json!({"host": "irc.example", "nick": "bot", "tls_ca_file": "/ca.pem"});
    stage.connect("home", config).await.expect("valid settings");
    let server = Server::accept(&mut stage).await;
    let tls = server.request().tls.clone().expect("TLS by default");
    assert_eq!((tls.server_name.as_str(), tls.ca_file.as_str()), ("", "/ca.pem"));
    assert_eq!(server.request().port, 6697);
}

#[tokio::test(start_paused = true)]
async fn wrong_settings_are_refused_at_once() {
    let stage = Stage::new().await;
    let error = stage.connect("home", settings_with("colour", json!("red"))).await;
    let error = error.expect_err("refused");
    assert_eq!((error.class, error.code.as_str()), (class::INVALID, "account_invalid"));
    assert!(error.message.contains("colour"), "{}", error.message);
    assert!(error.hint.contains("[channels.irc.accounts.home]"), "{}", error.hint);
    assert!(stage.accounts().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn secrets_are_revealed_for_the_login() {
    let mut stage = Stage::new().await;
    let reference = format!("secret:{}", SECRET.0);
    let mut config = settings_with("sasl", json!({"account": "acc", "password": reference}));
    config["password"] = json!("literal");
    stage.connect("home", config).await.expect("valid settings");
    let mut server = Server::accept(&mut stage).await;
    for expected in ["CAP LS 302", "PASS :literal", "NICK bot", "USER bot 0 * :bot"] {
        server.expect(expected).await;
    }
    server.say(":s CAP * LS :sasl");
    server.expect("CAP REQ :sasl").await;
    server.say(":s CAP * ACK :sasl");
    server.expect("AUTHENTICATE PLAIN").await;
    server.say("AUTHENTICATE +");
    server.expect("AUTHENTICATE AGFjYwBwdw==").await;
    server.say(":s 903 * :SASL authentication successful");
    server.expect("CAP END").await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_does_not_exist_fails_the_account() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings_with("password", json!("secret:other"))).await.expect("valid");
    let (_, status) = stage.until(Failed).await;
    assert_eq!(status.detail, "no such secret");
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_fails_for_good_and_connect_tries_again() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let server = Server::accept(&mut stage).await;
    server.say(":s 464 * :Password incorrect");
    let (before, status) = stage.until(Failed).await;
    assert_eq!(before, [Connecting]);
    assert!(status.detail.contains("Password incorrect"), "{}", status.detail);
    assert_eq!(status.retry_in_ms, None);
    assert_eq!(stage.health().await["status"], "fail");
    let next = tokio::time::timeout(Duration::from_secs(86_400), stage.lines.recv()).await;
    assert!(next.is_err(), "no further try within a day");
    stage.connect("home", settings()).await.expect("valid settings");
    Server::welcome(&mut stage).await;
    assert_eq!(stage.until(Connected).await.0, [Connecting]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_made_again() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    server.say("ERROR :Server going down");
    server.hang_up();
    let lost = stage.status().await;
    assert_eq!(lost.state, Disconnected);
    assert_eq!(lost.detail, "the server closed the connection: Server going down");
    let waiting = stage.status().await;
    assert_eq!(waiting.state, Reconnecting);
    let retry_in = waiting.retry_in_ms.expect("a time");
    assert!((100..=1_000).contains(&retry_in), "{retry_in}");
    assert_eq!(stage.health().await["status"], "warn");
    let _server = Server::welcome(&mut stage).await;
    let trying = stage.status().await;
    assert_eq!((trying.state, trying.retry_in_ms), (Reconnecting, None));
    assert_eq!(stage.status().await.state, Connected);
    assert_eq!(stage.health().await["status"], "pass");
}

#[tokio::test(start_paused = true)]
async fn tries_become_rarer_and_a_stable_minute_starts_over() {
    let mut stage = Stage::new().await;
    let unreachable = CallError::new(class::UNAVAILABLE, net::code::UNREACHABLE, "nobody there");
    stage.refuse_connections(Some(unreachable));
    stage.connect("home", settings()).await.expect("valid settings");
    let mut longest = 0;
    for ceiling in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        let (_, status) = stage.until(Reconnecting).await;
        assert_eq!(status.detail, "nobody there");
        let retry_in = status.retry_in_ms.expect("a time");
        assert!((100..=ceiling * 1_000).contains(&retry_in), "{retry_in} of {ceiling} s");
        longest = longest.max(retry_in);
        let trying = stage.status().await;
        assert_eq!((trying.state, trying.retry_in_ms), (Reconnecting, None));
    }
    assert!(longest > 4_000, "the waits grow: {longest}");
    stage.refuse_connections(None);
    let server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        server.say(":s NOTICE bot :still here");
    }
    server.hang_up();
    let retry_in = stage.until(Reconnecting).await.1.retry_in_ms.expect("a time");
    assert!(retry_in <= 1_000, "{retry_in}");
}

#[tokio::test(start_paused = true)]
async fn a_configuration_the_host_refuses_fails_the_account() {
    let mut stage = Stage::new().await;
    let refused = CallError::new(class::FORBIDDEN, "LDR-NET-FORBIDDEN", "not to that host");
    stage.refuse_connections(Some(refused));
    stage.connect("home", settings()).await.expect("valid settings");
    assert_eq!(stage.until(Failed).await.1.detail, "not to that host");
    let expired = CallError::new(class::FORBIDDEN, net::code::CERTIFICATE, "expired");
    stage.refuse_connections(Some(expired));
    stage.connect("other", settings()).await.expect("valid settings");
    let (_, status) = stage.until(Reconnecting).await;
    assert_eq!(status.detail, "expired", "a certificate may be renewed");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_any_more_is_given_up() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    server.expect("PING :loader-alive").await;
    server.say(":s PONG s :loader-alive");
    server.expect("PING :loader-alive").await;
    let asked = stage.age();
    let lost = stage.status().await;
    assert_eq!(lost.state, Disconnected);
    assert_eq!(lost.detail, "the server does not answer any more");
    assert!(stage.age() - asked <= Duration::from_secs(60));
    Server::welcome(&mut stage).await;
    stage.until(Connected).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_reading_is_given_up() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    server.stop_reading(true);
    server.say("PING :are you there");
    assert_eq!(stage.status().await.state, Disconnected);
    Server::welcome(&mut stage).await;
    stage.until(Connected).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_lets_us_in_is_given_up() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let server = Server::accept(&mut stage).await;
    for _ in 0..7 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        server.say(":s NOTICE * :wait");
    }
    let (before, status) = stage.until(Reconnecting).await;
    assert_eq!(before, [Connecting], "it was never connected, so it is not lost");
    assert!(status.detail.contains("60 s"), "{}", status.detail);
}

#[tokio::test(start_paused = true)]
async fn many_channels_take_their_time_to_join() {
    let mut stage = Stage::new().await;
    let mut config = settings_with("messages_per_second", json!(1));
    let channels: Vec<String> = (0..90).map(|number| format!("#room{number}")).collect();
    config["channels"] = json!(channels);
    stage.connect("home", config).await.expect("valid settings");
    let mut server = Server::accept(&mut stage).await;
    server.say(":s 001 bot :Welcome");
    for number in 0..90 {
        server.until(&format!("JOIN #room{number}")).await;
        server.say(&format!(":bot!~u@host JOIN #room{number}"));
    }
    server.expect("PING :loader-ready").await;
    server.say(":s PONG s :loader-ready");
    assert_eq!(stage.until(Connected).await.0, [Connecting]);
    assert!(stage.age() > Duration::from_secs(80), "longer than registering may take");
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_does_not_touch_the_connection_that_follows() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let _old = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    let (disconnected, connected) =
        tokio::join!(stage.disconnect("home"), stage.connect("home", settings()));
    disconnected.expect("it was connected");
    connected.expect("valid settings");
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    assert_eq!(stage.closed(), ["account/home"], "only the old connection was closed");
    server.say("PING :done");
    server.expect("PONG :done").await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_cannot_be_joined_is_named() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let server = Server::accept(&mut stage).await;
    server.say(":s 001 bot :Welcome");
    server.say(":s 474 bot #room :Cannot join channel (+b)");
    server.say(":s PONG s :loader-ready");
    let (_, status) = stage.until(Connected).await;
    assert_eq!(status.detail, "not in #room: Cannot join channel (+b) (474)");
    assert_eq!(stage.health().await["status"], "warn");
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_says_quit_and_closes_the_connection() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    let status = stage.disconnect("home").await.expect("it was connected");
    assert_eq!(status.state, Disconnected);
    server.expect("QUIT :see you").await;
    assert_eq!(server.hear().await, None);
    assert!(stage.closed().contains(&"account/home".to_owned()));
    let reported = stage.status().await;
    assert_eq!((reported.state, reported.detail.as_str()), (Disconnected, "see you"));
    assert!(stage.accounts().await.is_empty());
    let error = stage.disconnect("home").await.expect_err("it is gone");
    assert_eq!((error.class, error.code.as_str()), (class::NOT_FOUND, "unknown_account"));
    assert!(stage.lines.try_recv().is_err(), "it does not come back");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_waits_to_reconnect_can_be_disconnected() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    Server::welcome(&mut stage).await.hang_up();
    stage.until(Reconnecting).await;
    stage.disconnect("home").await.expect("it was connected");
    assert_eq!(stage.status().await.state, Disconnected);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(stage.lines.try_recv().is_err(), "it does not come back");
}

#[tokio::test(start_paused = true)]
async fn connecting_again_changes_nothing_unless_the_settings_do() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    let status = stage.connect("home", settings()).await.expect("valid settings");
    assert_eq!(status.state, Connected);
    stage.connect("home", settings_with("realname", json!("New"))).await.expect("valid settings");
    server.expect("QUIT :new settings").await;
    server.hang_up();
    let mut server = Server::accept(&mut stage).await;
    for expected in ["CAP LS 302", "NICK bot", "USER bot 0 * :New"] {
        server.expect(expected).await;
    }
    assert_eq!(stage.accounts().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_says_quit_on_every_account() {
    let mut stage = Stage::new().await;
    let mut servers = Vec::new();
    for account in ["home", "work"] {
        stage.connect(account, settings()).await.expect("valid settings");
        servers.push(Server::welcome(&mut stage).await);
        stage.until(Connected).await;
    }
    let before = stage.age();
    stage.stop().await;
    assert!(stage.age() - before <= Duration::from_secs(3));
    for mut server in servers {
        server.expect("QUIT :the gateway stops").await;
        assert_eq!(server.hear().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_says_quit_even_after_the_background_work_was_cancelled() {
    let mut stage = Stage::new().await;
    stage.connect("home", settings()).await.expect("valid settings");
    let mut server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    stage.cancel_run().await;
    stage.stop().await;
    server.expect("QUIT :the gateway stops").await;
    assert_eq!(server.hear().await, None);
}

//! `websocket/1`.

mod holders;

use super::{
    host::{Host, Opened, Plugin, soon},
    servers::{Identity, Server, answer, deaf_port, read_to_end},
};
use futures_util::{SinkExt, StreamExt};
use loader_abi::{MAX_BODY_BYTES, class, message_kind};
use loader_contract::service::websocket::{Closed, Connect, Connected, code};
use loader_core::{
    message::{Failure, Message, Metadata},
    stream::End,
};
use std::time::Duration;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async, accept_hdr_async,
    tungstenite::{
        Message as Frame,
        handshake::server::{Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

fn to(server: &Server) -> Connect {
    Connect { url: format!("ws://127.0.0.1:{}/socket?key=hush", server.port), ..Connect::default() }
}

async fn connect(plugin: &Plugin<'_>, request: &Connect) -> Result<Opened, Failure> {
    plugin.open_json("websocket/1/connect", request).await
}

async fn accept(server: &Server) -> WebSocketStream<TcpStream> {
    soon(accept_async(server.accept().await)).await.unwrap()
}

async fn pair(plugin: &Plugin<'_>, server: &Server) -> (Opened, WebSocketStream<TcpStream>) {
    let request = to(server);
    let (opened, socket) = tokio::join!(connect(plugin, &request), accept(server));
    (opened.unwrap(), socket)
}

async fn next<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> Frame {
    soon(socket.next()).await.unwrap().unwrap()
}

async fn say(opened: &Opened, text: &str) {
    let message = Message {
        kind: message_kind::EVENT,
        metadata: Metadata::new(),
        body: text.as_bytes().to_vec(),
    };
    soon(opened.end.sender.send(message)).await.unwrap();
}

fn assert_failure(failure: &Failure, class: u32, code: &str) {
    assert_eq!((failure.class, &*failure.code), (class, code), "{failure}");
    assert!(!format!("{failure:?}").contains("hush"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_an_event_and_bytes_are_data_both_ways() {
    let (host, server) = (Host::new(), Server::new().await);
    let (opened, mut socket) = pair(&host.plugin("one"), &server).await;
    assert_eq!(opened.head::<Connected>(), Connected::default());
    say(&opened, "grüß dich").await;
    assert_eq!(next(&mut socket).await, Frame::text("grüß dich"));
    opened.send(b"\x00\xff").await;
    assert_eq!(next(&mut socket).await, Frame::binary(&b"\x00\xff"[..]));
    socket.send(Frame::text("hello")).await.unwrap();
    socket.send(Frame::binary(&b"\xfe"[..])).await.unwrap();
    let message = opened.receive().await.unwrap();
    assert_eq!((message.kind, &*message.body), (message_kind::EVENT, &b"hello"[..]));
    let message = opened.receive().await.unwrap();
    assert_eq!((message.kind, &*message.body), (message_kind::DATA, &b"\xfe"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_are_answered_while_the_plugin_waits() {
    let (host, server) = (Host::new(), Server::new().await);
    let (_opened, mut socket) = pair(&host.plugin("one"), &server).await;
    socket.send(Frame::Ping("are you there".into())).await.unwrap();
    assert_eq!(next(&mut socket).await, Frame::Pong("are you there".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_ends_the_stream() {
    let (host, server) = (Host::new(), Server::new().await);
    let (opened, mut socket) = pair(&host.plugin("one"), &server).await;
    socket.send(Frame::text("last words")).await.unwrap();
    socket.close(None).await.unwrap();
    let draining = async { while soon(socket.next()).await.is_some() {} };
    let (message, ()) = tokio::join!(opened.receive(), draining);
    assert_eq!(message.unwrap().body, b"last words");
    opened.outcome().await.unwrap();
}

fn closing(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code: CloseCode::from(code), reason: reason.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_why_it_closes_is_heard() {
    let (host, server) = (Host::new(), Server::new().await);
    for (said, heard) in [
        (Some(closing(4004, "unknown session")), Some((4004, "unknown session"))),
        (Some(closing(1001, "")), Some((1001, ""))),
        (Some(closing(1000, "done")), None),
        (None, None),
    ] {
        let (opened, mut socket) = pair(&host.plugin("one"), &server).await;
        socket.close(said).await.unwrap();
        let draining = async { while soon(socket.next()).await.is_some_and(|it| it.is_ok()) {} };
        let outcome = tokio::join!(opened.outcome(), draining).0;
        let Some((code, reason)) = heard else {
            outcome.unwrap();
            continue;
        };
        let failure = outcome.unwrap_err();
        assert_failure(&failure, class::UNAVAILABLE, "LDR-WEBSOCKET-CLOSED");
        let closed: Closed = serde_json::from_slice(&failure.details).unwrap();
        assert_eq!(closed, Closed { code, reason: reason.into() });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_says_why_it_closes_is_heard() {
    let (host, server) = (Host::new(), Server::new().await);
    let end = |closed: &Closed| {
        let mut failure = Failure::new(class::UNAVAILABLE, code::CLOSED, "enough");
        failure.details = serde_json::to_vec(closed).unwrap();
        End::Failed(failure)
    };
    let long = "ä".repeat(100);
    for (code, reason, heard) in [
        (4001, "bye", Some(closing(4001, "bye"))),
        (1008, &*long, Some(closing(1008, &"ä".repeat(61)))),
        // No endpoint may say this one.
        (1006, "lie", None),
    ] {
        let closed = Closed { code, reason: reason.to_owned() };
        // One that waits for the server's answer, and one that is gone at once.
        let (opened, mut socket) = pair(&host.plugin("one"), &server).await;
        say(&opened, "last words").await;
        opened.end.sender.end(end(&closed));
        if heard.is_some() {
            assert_eq!(next(&mut socket).await, Frame::text("last words"));
            assert_eq!(next(&mut socket).await, Frame::Close(heard.clone()));
            let draining =
                async { while soon(socket.next()).await.is_some_and(|it| it.is_ok()) {} };
            tokio::join!(opened.outcome(), draining).0.unwrap();
        } else {
            drop(opened);
        }
        let (opened, mut socket) = pair(&host.plugin("one"), &server).await;
        opened.end.sender.end(end(&closed));
        drop(opened);
        assert_eq!(next(&mut socket).await, Frame::Close(heard));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_finishes_says_goodbye_and_hears_the_rest() {
    let (host, server) = (Host::new(), Server::new().await);
    let (opened, mut socket) = pair(&host.plugin("one"), &server).await;
    say(&opened, "bye").await;
    opened.finish();
    assert_eq!(next(&mut socket).await, Frame::text("bye"));
    assert!(matches!(next(&mut socket).await, Frame::Close(_)));
    let draining = async { while soon(socket.next()).await.is_some_and(|frame| frame.is_ok()) {} };
    tokio::join!(opened.outcome(), draining).0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_goes_away_still_sends_what_it_queued_and_a_goodbye() {
    let (host, server) = (Host::new(), Server::new().await);
    let (opened, mut socket) = pair(&host.plugin("one"), &server).await;
    // More than the network takes in before the server reads.
    let text = |number: u32| format!("{number}{}", ".".repeat(500_000));
    for number in 0..50 {
        say(&opened, &text(number)).await;
    }
    drop(opened);
    for number in 0..50 {
        assert_eq!(next(&mut socket).await, Frame::text(text(number)));
    }
    assert!(matches!(next(&mut socket).await, Frame::Close(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_off_and_a_message_that_is_too_large_are_failures() {
    let (host, server) = (Host::new(), Server::new().await);
    let (opened, socket) = pair(&host.plugin("one"), &server).await;
    drop(socket);
    let failure = opened.outcome().await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-WEBSOCKET-BROKEN");

    let (opened, mut socket) = pair(&host.plugin("one"), &server).await;
    let exact = Frame::binary(vec![1; MAX_BODY_BYTES]);
    let sending = async {
        socket.send(exact).await.unwrap();
        // The receiver may hang up while this is still being written.
        let _ = socket.send(Frame::binary(vec![2; MAX_BODY_BYTES + 1])).await;
    };
    let receiving = async {
        assert_eq!(opened.receive().await.unwrap().body, [1; MAX_BODY_BYTES]);
        opened.outcome().await.unwrap_err()
    };
    let (failure, ()) = tokio::join!(receiving, sending);
    assert_failure(&failure, class::UNAVAILABLE, "LDR-WEBSOCKET-BROKEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_text_is_refused() {
    let (host, server) = (Host::new(), Server::new().await);
    let (opened, mut socket) = pair(&host.plugin("one"), &server).await;
    let message =
        Message { kind: message_kind::EVENT, metadata: Metadata::new(), body: vec![0xff] };
    opened.end.sender.send(message).await.unwrap();
    let draining = async { while soon(socket.next()).await.is_some_and(|frame| frame.is_ok()) {} };
    let (outcome, ()) = tokio::join!(opened.outcome(), draining);
    assert_failure(&outcome.unwrap_err(), class::INVALID, "LDR-WEBSOCKET-REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_subprotocols_are_sent_and_the_choice_is_told() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let request = Connect {
        headers: vec![("Authorization".into(), "Bearer hush".into())],
        protocols: vec!["chat.v2".into(), "chat.v1".into()],
        ..to(&server)
    };
    let serving = async {
        let stream = server.accept().await;
        let choose = |request: &Request, mut response: Response| {
            let headers = request.headers();
            assert_eq!(request.uri().to_string(), "/socket?key=hush");
            assert_eq!(headers["authorization"], "Bearer hush");
            assert_eq!(headers["user-agent"], "loader/test");
            assert_eq!(headers["sec-websocket-protocol"], "chat.v2, chat.v1");
            response.headers_mut().insert("sec-websocket-protocol", "chat.v1".parse().unwrap());
            Ok(response)
        };
        accept_hdr_async(stream, choose).await.unwrap()
    };
    let (opened, _socket) = tokio::join!(connect(&plugin, &request), serving);
    assert_eq!(opened.unwrap().head::<Connected>().protocol, "chat.v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused_before_anything_is_sent() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let with = |name: &str, value: &str| Connect {
        headers: vec![(name.into(), value.into())],
        ..to(&server)
    };
    let cases = [
        Connect { url: "not an address hush".into(), ..Connect::default() },
        Connect { url: "http://127.0.0.1/hush".into(), ..Connect::default() },
        Connect { url: "/hush".into(), ..Connect::default() },
        with("x name", "a"),
        with("x-line", "hush\r\nx-smuggled: b"),
        with("Sec-WebSocket-Key", "hush"),
        with("connection", "close"),
        with("host", "elsewhere"),
        Connect { protocols: vec!["a\r\nb".into()], ..to(&server) },
    ];
    for request in cases {
        let failure = connect(&plugin, &request).await.unwrap_err();
        assert_failure(&failure, class::INVALID, "LDR-WEBSOCKET-REQUEST");
    }
    assert!(server.is_idle().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_and_no_upgrade_are_told_apart() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let url = format!("ws://127.0.0.1:{}/", deaf_port().await);
    let failure = connect(&plugin, &Connect { url, ..to(&server) }).await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-WEBSOCKET-UNREACHABLE");
    for (response, said) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "403"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "200"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
            "",
        ),
    ] {
        let request = to(&server);
        let serving = async {
            let mut stream = server.accept().await;
            answer(&mut stream, response.as_bytes()).await;
            read_to_end(&mut stream).await;
        };
        let (opened, ()) = tokio::join!(connect(&plugin, &request), serving);
        let failure = opened.unwrap_err();
        assert_failure(&failure, class::UNAVAILABLE, "LDR-WEBSOCKET-REFUSED");
        assert!(failure.message.contains(said), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_the_handshake_is_given_up() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let request = Connect { timeout_ms: 50, ..to(&server) };
    let failure = connect(&plugin, &request).await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-WEBSOCKET-UNREACHABLE");
    let hurried = plugin.within(Duration::from_millis(50));
    let failure = connect(&hurried, &to(&server)).await.unwrap_err();
    assert_failure(&failure, class::DEADLINE, "LDR-CALL-DEADLINE");
    // The attempts are over on the server's side, too.
    for _ in 0..2 {
        read_to_end(&mut server.accept().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secure_socket_trusts_whom_the_host_trusts() {
    let (identity, stranger) = (Identity::new(), Identity::new());
    let host = Host::trusting(Some(identity.authorities()));
    let server = Server::new().await;
    let plugin = host.plugin("one");
    let url = format!("wss://localhost:{}/", server.port);
    let request = Connect { url, ..Connect::default() };
    let serving = async {
        let stream = identity.accept(&server).await.unwrap();
        let mut socket = accept_async(stream).await.unwrap();
        socket.send(Frame::text("in private")).await.unwrap();
        socket
    };
    let (opened, _socket) = tokio::join!(connect(&plugin, &request), serving);
    assert_eq!(opened.unwrap().receive().await.unwrap().body, b"in private");
    let (opened, accepted) = tokio::join!(connect(&plugin, &request), stranger.accept(&server));
    assert!(accepted.is_err());
    let failure = opened.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-WEBSOCKET-UNREACHABLE");
    assert!(failure.message.contains("certificate"), "{failure}");
}

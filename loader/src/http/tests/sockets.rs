//! What only shows on a socket: slow and silent clients, disconnects, the cap, the end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::fake::{Fake, Script, failed_upstream, finish, text};
use super::{BEARER, edge};
use crate::http::{ConnectionLimits, serve};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<Duration>,
    /// Returns how many connections were cut off.
    ended: JoinHandle<usize>,
}

/// How long what goes on may go on.
const DRAIN: Duration = Duration::from_secs(15);

impl Server {
    async fn start(fake: Fake, limits: ConnectionLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<Duration>();
        let stopped = async move { Instant::now() + stopped.await.unwrap_or(DRAIN) };
        let ended = tokio::spawn(serve(listener, edge(fake), limits, stopped));
        Self { address, stop, ended }
    }

    async fn client(&self) -> Client {
        Client(TcpStream::connect(self.address).await.expect("a connection"))
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("a listening gateway");
    }

    async fn get(&mut self, path: &str) {
        let host = "host: localhost";
        self.send(&format!("GET {path} HTTP/1.1\r\n{host}\r\nauthorization: {BEARER}\r\n\r\n"))
            .await;
    }

    async fn chat(&mut self, stream: bool) {
        let body = format!(
            "{{\"stream\": {stream}, \"messages\": [{{\"role\": \"user\", \"content\": \"hi\"}}]}}"
        );
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost";
        let length = body.len();
        let text =
            format!("{head}\r\nauthorization: {BEARER}\r\ncontent-length: {length}\r\n\r\n{body}");
        self.send(&text).await;
    }

    /// Reads until this text has come.
    async fn until(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        let mut piece = [0; 1024];
        loop {
            let so_far = String::from_utf8_lossy(&read);
            if so_far.contains(text) {
                return so_far.into_owned();
            }
            let count = self.0.read(&mut piece).await.expect("an open connection");
            assert_ne!(count, 0, "no `{text}` in `{so_far}`");
            read.extend_from_slice(&piece[..count]);
        }
    }

    /// Reads until the gateway closes the connection.
    async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        // A reset is an end like any other.
        let _ = self.0.read_to_end(&mut read).await;
        String::from_utf8(read).expect("UTF-8")
    }
}

fn quick() -> ConnectionLimits {
    let moment = Duration::from_millis(100);
    ConnectionLimits { header_timeout: moment, ..ConnectionLimits::default() }
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_turn() {
    let server = Server::start(Fake::new(), ConnectionLimits::default()).await;
    let mut client = server.client().await;
    for path in ["/a", "/b"] {
        client.get(&format!("/hello{path}")).await;
        let answer = client.until(&format!("\r\n\r\n{path}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    client.send("HEAD /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let answer = client.until("\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\n"), "a HEAD has no body: {answer}");
    assert!(answer.contains("content-length: 17"), "but says how long it were: {answer}");
}

#[tokio::test]
async fn slow_headers_and_idle_connections_are_closed() {
    let server = Server::start(Fake::new(), quick()).await;
    for begun in ["", "GET /hello HTTP/1.1\r\nhost: local"] {
        let mut client = server.client().await;
        client.send(begun).await;
        assert!(!client.rest().await.contains(" 200 "), "{begun:?}");
    }
    let mut client = server.client().await;
    client.get("/hello").await;
    assert!(client.rest().await.starts_with("HTTP/1.1 200"), "closed, but only when idle");
}

#[tokio::test]
async fn headers_may_be_neither_many_nor_long() {
    let server = Server::start(Fake::new(), ConnectionLimits::default()).await;
    let padding = |count: usize, length: usize| {
        (0..count).map(|index| format!("x-{index}: {}\r\n", "x".repeat(length))).collect::<String>()
    };
    for (headers, status) in [
        (padding(98, 1), 200),
        (padding(99, 1), 431),
        (padding(1, 15 * 1024), 200),
        (padding(1, 17 * 1024), 431),
    ] {
        let mut client = server.client().await;
        let head = format!("GET /hello HTTP/1.1\r\nhost: localhost\r\nauthorization: {BEARER}\r\n");
        client.send(&format!("{head}{headers}\r\n")).await;
        let answer = client.until("\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

#[tokio::test]
async fn a_client_without_the_token_is_not_asked_for_its_body() {
    let server = Server::start(Fake::new(), ConnectionLimits::default()).await;
    let mut client = server.client().await;
    let head = "POST /hello HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue";
    client.send(&format!("{head}\r\ncontent-length: 10\r\n\r\n")).await;
    let answer = client.until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn no_more_connections_are_served_at_once_than_allowed() {
    let limits = ConnectionLimits { most: 1, ..ConnectionLimits::default() };
    let server = Server::start(Fake::new(), limits).await;
    let mut first = server.client().await;
    first.get("/hello/first").await;
    first.until("/first").await;

    let mut second = server.client().await;
    second.get("/hello/second").await;
    let waiting = tokio::time::timeout(Duration::from_millis(100), second.0.readable()).await;
    assert!(waiting.is_err(), "the second has to wait");
    drop(first);
    second.until("/second").await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_provider() {
    for stream in [false, true] {
        let fake = Fake::answering(Script::Events(vec![Ok(text("hel"))]));
        let mut watcher = fake.watcher();
        let server = Server::start(fake, ConnectionLimits::default()).await;
        let mut client = server.client().await;
        client.chat(stream).await;
        watcher.until_running(1).await;
        if stream {
            client.until("hel").await;
        }
        drop(client);
        watcher.until_running(0).await;
    }
}

#[tokio::test]
async fn a_broken_answer_arrives_and_then_the_connection_breaks() {
    let fake = Fake::answering(Script::Events(vec![Ok(text("hel")), Err(failed_upstream())]));
    let server = Server::start(fake, ConnectionLimits::default()).await;
    let mut client = server.client().await;
    client.chat(true).await;
    let answer = client.rest().await;
    assert!(answer.contains("\"hel\"") && answer.contains("upstream_failed"), "{answer}");
    assert!(!answer.contains("[DONE]"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "the transfer must not look complete: {answer}");
}

#[tokio::test]
async fn a_complete_answer_ends_properly() {
    let server = Server::start(Fake::new(), ConnectionLimits::default()).await;
    let mut client = server.client().await;
    client.chat(true).await;
    let answer = client.until("0\r\n\r\n").await;
    assert!(answer.contains("data: [DONE]\n\n"), "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let fake = Fake::answering(Script::Events(Vec::new()));
    let further = fake.further();
    let mut watcher = fake.watcher();
    let limits = ConnectionLimits {
        write_timeout: Duration::from_millis(100),
        ..ConnectionLimits::default()
    };
    let server = Server::start(fake, limits).await;
    let mut client = server.client().await;
    client.chat(true).await;
    // More than any socket buffers.
    let piece = "x".repeat(1024 * 1024);
    for _ in 0..64 {
        further.send(Ok(text(&piece))).expect("the stream listens");
    }
    watcher.until_running(1).await;
    watcher.until_running(0).await;
}

#[tokio::test]
async fn a_stop_closes_what_is_idle_and_lets_requests_finish() {
    let fake = Fake::answering(Script::Events(vec![Ok(text("hel"))]));
    let further = fake.further();
    let server = Server::start(fake, ConnectionLimits::default()).await;
    let mut fresh = server.client().await;
    let mut idle = server.client().await;
    idle.get("/hello").await;
    idle.until("\r\n\r\n/").await;
    let mut busy = server.client().await;
    busy.chat(true).await;
    busy.until("hel").await;

    server.stop.send(DRAIN).expect("it serves");
    assert_eq!(idle.rest().await, "", "closed at once");
    assert_eq!(fresh.rest().await, "", "closed at once");
    TcpStream::connect(server.address).await.expect_err("nobody is let in any more");

    further.send(Ok(text("lo"))).expect("the stream goes on");
    further.send(Ok(finish())).expect("the stream goes on");
    let answer = busy.rest().await;
    assert!(answer.contains("lo") && answer.contains("[DONE]"), "{answer}");
    assert_eq!(server.ended.await.expect("no panic"), 0);
}

#[tokio::test]
async fn who_listens_for_events_does_not_hold_up_a_stop() {
    let server = Server::start(Fake::new(), ConnectionLimits::default()).await;
    let mut listener = server.client().await;
    listener.get("/admin/events").await;
    listener.until("text/event-stream").await;
    server.stop.send(DRAIN).expect("it serves");
    let ended = tokio::time::timeout(Duration::from_secs(5), server.ended).await;
    assert_eq!(ended.expect("at once").expect("no panic"), 0);
    assert!(listener.rest().await.ends_with("0\r\n\r\n"), "the stream ends properly");
}

#[tokio::test]
async fn a_request_that_does_not_finish_is_cut_off_after_the_drain() {
    let fake = Fake::answering(Script::Events(vec![Ok(text("hel"))]));
    let mut watcher = fake.watcher();
    let server = Server::start(fake, ConnectionLimits::default()).await;
    let mut client = server.client().await;
    client.chat(true).await;
    client.until("hel").await;
    server.stop.send(Duration::from_millis(100)).expect("it serves");
    assert_eq!(server.ended.await.expect("no panic"), 1);
    watcher.until_running(0).await;
}

//! `http-client/1`.

use super::{
    host::{Host, Plugin},
    servers::{Identity, Server, answer, deaf_port, read_request, read_to_end},
};
use loader_abi::{MAX_BODY_BYTES, class};
use loader_contract::service::http_client::{METHOD, STATUS, TIMEOUT_MS, URL};
use loader_core::message::{Failure, Metadata, Reply};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

fn to(url: &str) -> Metadata {
    Metadata::new().with(URL, url)
}

async fn fetch(plugin: &Plugin<'_>, request: Metadata) -> Result<Reply, Failure> {
    plugin.call("http-client/1/fetch", request, []).await
}

/// Fetches while the server answers one request as is.
async fn fetch_answered(response: &[u8]) -> Result<Reply, Failure> {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let serving = async {
        let mut stream = server.accept().await;
        answer(&mut stream, response).await;
    };
    tokio::join!(fetch(&plugin, to(&server.url("/"))), serving).0
}

fn assert_failure(failure: &Failure, class: u32, code: &str) {
    assert_eq!((failure.class, &*failure.code), (class, code), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_sends_what_was_asked_and_answers_with_what_came() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let request = to(&server.url("/path?query=1"))
        .with(METHOD, "POST")
        .with("x-key", "hush")
        .with("x-many", "1")
        .with("x-many", "2")
        .with("ldr-trace", "not a header");
    let serving = async {
        let mut stream = server.accept().await;
        let request = read_request(&mut stream).await;
        let response = b"HTTP/1.1 418 I'm a teapot\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\
            connection: close\r\ncontent-length: 5\r\n\r\nshort";
        stream.write_all(response).await.unwrap();
        request
    };
    let calling = plugin.call("http-client/1/fetch", request, "the body");
    let (reply, (head, body)) = tokio::join!(calling, serving);
    assert!(head.starts_with("POST /path?query=1 HTTP/1.1\r\n"), "{head}");
    for line in ["x-key: hush", "x-many: 1", "x-many: 2", "user-agent: loader/test"] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
    assert!(!head.contains("ldr-") && !head.contains("accept-encoding"), "{head}");
    assert_eq!(body, b"the body");
    let reply = reply.unwrap();
    assert_eq!((reply.metadata.get_text(STATUS), &*reply.body), (Some("418"), &b"short"[..]));
    let headers: Vec<_> = reply.metadata.iter().collect();
    assert!(headers.contains(&("set-cookie", b"a=1")) && headers.contains(&("set-cookie", b"b=2")));
    assert!(reply.metadata.get("connection").is_none(), "it is about a connection of the host's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_agent_of_the_plugins_own_counts() {
    let (host, server) = (Host::new(), Server::new().await);
    let request = to(&server.url("/")).with("user-agent", "mine");
    let plugin = host.plugin("one");
    let serving = async {
        let mut stream = server.accept().await;
        let head = read_request(&mut stream).await.0;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        head
    };
    let (reply, head) = tokio::join!(fetch(&plugin, request), serving);
    assert_eq!(reply.unwrap().metadata.get_text(STATUS), Some("204"));
    assert_eq!(head.matches("user-agent").count(), 1);
    assert!(head.contains("user-agent: mine"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused_before_anything_is_sent() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let fine = to(&server.url("/"));
    let cases = [
        Metadata::new(),
        to("not an address"),
        to("/relative"),
        to("ftp://127.0.0.1/"),
        to("http://"),
        fine.clone().with(METHOD, "GET /"),
        fine.clone().with(METHOD, "CONNECT"),
        fine.clone().with(TIMEOUT_MS, "soon"),
        fine.clone().with("x-line", "a\r\nx-smuggled: b"),
        fine.clone().with("x name", "a"),
        fine.clone().with(":path", "/other"),
        fine.clone().with("content-length", "3"),
        fine.clone().with("Transfer-Encoding", "chunked"),
        fine.clone().with("connection", "close"),
        fine.clone().with("upgrade", "h2c"),
        fine.clone().with("te", "trailers"),
        fine.clone().with("proxy-authorization", "hush"),
    ];
    for request in cases {
        let failure = fetch(&plugin, request.clone()).await.unwrap_err();
        assert_failure(&failure, class::INVALID, "LDR-HTTP-REQUEST");
        assert!(!failure.message.contains("hush") && !failure.message.contains("smuggled"));
        let opened = plugin.open("http-client/1/stream", request, []).await;
        assert_failure(&opened.unwrap_err(), class::INVALID, "LDR-HTTP-REQUEST");
    }
    assert!(server.is_idle().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_too_large_for_a_call_says_to_stream_it() {
    let exact =
        [&b"HTTP/1.1 200 OK\r\ncontent-length: 1048576\r\n\r\n"[..], &vec![b'x'; MAX_BODY_BYTES]];
    assert_eq!(fetch_answered(&exact.concat()).await.unwrap().body.len(), MAX_BODY_BYTES);
    // One says so beforehand, the other does not.
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n".to_vec();
    let endless = [
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100001\r\n"[..],
        &vec![b'x'; MAX_BODY_BYTES + 1],
    ];
    for response in [announced, endless.concat()] {
        let failure = fetch_answered(&response).await.unwrap_err();
        assert_failure(&failure, class::EXHAUSTED, "LDR-HTTP-TOO-LARGE");
        assert!(failure.hint.contains("http-client/1/stream"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_gives_the_head_at_once_and_the_body_piece_by_piece() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let opening = plugin.start("http-client/1/stream", to(&server.url("/events")), []);
    let mut stream = server.accept().await;
    answer(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await;
    let opened = opening.accepted().await.unwrap();
    assert_eq!(opened.head.metadata.get_text(STATUS), Some("200"));
    assert_eq!(opened.head.metadata.get_text("content-type"), Some("text/event-stream"));
    for piece in [&b"data: 1\n\n"[..], b"data: 2\n\n"] {
        stream.write_all(piece).await.unwrap();
        assert_eq!(opened.read(piece.len()).await, piece);
    }
    let large: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let writing = async {
        stream.write_all(&large).await.unwrap();
        drop(stream);
    };
    assert_eq!(tokio::join!(opened.read(large.len()), writing).0, large);
    opened.outcome().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_read_holds_the_server_back_and_loses_nothing() {
    const BODY: usize = 64 * 1024 * 1024;
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let opening = plugin.start("http-client/1/stream", to(&server.url("/")), []);
    let mut stream = server.accept().await;
    answer(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").await;
    let opened = opening.accepted().await.unwrap();
    let mut writing = tokio::spawn(async move {
        stream.write_all(&vec![b'x'; BODY]).await.unwrap();
    });
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut writing).await;
    assert!(waited.is_err(), "64 MiB went into a stream that nobody reads");
    assert_eq!(opened.read(BODY).await.len(), BODY);
    writing.await.unwrap();
    opened.outcome().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_stream_closes_the_connection_to_the_server() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    // While the body comes.
    let opening = plugin.start("http-client/1/stream", to(&server.url("/")), []);
    let mut stream = server.accept().await;
    answer(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome").await;
    let opened = opening.accepted().await.unwrap();
    assert_eq!(opened.read(4).await, b"some");
    drop(opened);
    read_to_end(&mut stream).await;
    // Before the head has come.
    let opening = plugin.start("http-client/1/stream", to(&server.url("/")), []);
    let mut stream = server.accept().await;
    read_request(&mut stream).await;
    drop(opening);
    read_to_end(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_fetch_closes_the_connection_to_the_server() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let request = to(&server.url("/"));
    let mut stream = tokio::select! {
        reply = fetch(&plugin, request) => panic!("{reply:?}"),
        stream = async {
            let mut stream = server.accept().await;
            read_request(&mut stream).await;
            stream
        } => stream,
    };
    read_to_end(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_ends_at_the_deadline_or_the_timeout() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let short = plugin.within(Duration::from_millis(50));
    let request = to(&server.url("/"));
    let impatient = request.clone().with(TIMEOUT_MS, "50");
    for (plugin, request) in [(&short, request), (&plugin, impatient)] {
        let failure = fetch(plugin, request.clone()).await.unwrap_err();
        assert_failure(&failure, class::DEADLINE, "LDR-CALL-DEADLINE");
        let opened = plugin.open("http-client/1/stream", request, []).await;
        assert_failure(&opened.unwrap_err(), class::DEADLINE, "LDR-CALL-DEADLINE");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_ends_a_slow_fetch_but_no_open_stream() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one").within(Duration::from_millis(300));
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
    let serving = async {
        let mut stream = server.accept().await;
        answer(&mut stream, head).await;
        stream
    };
    let (reply, _stream) = tokio::join!(fetch(&plugin, to(&server.url("/"))), serving);
    assert_failure(&reply.unwrap_err(), class::DEADLINE, "LDR-CALL-DEADLINE");
    let opening = plugin.start("http-client/1/stream", to(&server.url("/")), []);
    let mut stream = server.accept().await;
    answer(&mut stream, head).await;
    let opened = opening.accepted().await.unwrap();
    tokio::time::sleep(Duration::from_millis(310)).await;
    stream.write_all(b"late").await.unwrap();
    assert_eq!(opened.read(4).await, b"late");
    opened.outcome().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_is_told_by_its_origin_and_the_cause_alone() {
    let host = Host::new();
    let port = deaf_port().await;
    let url = format!("http://user:hush@127.0.0.1:{port}/bot-hush/send?key=hush");
    let failure = fetch(&host.plugin("one"), to(&url)).await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-HTTP-UNREACHABLE");
    assert!(failure.message.contains(&format!("http://127.0.0.1:{port}")), "{failure}");
    assert!(failure.message.to_lowercase().contains("refused"), "{failure}");
    assert!(!format!("{failure:?}").contains("hush"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_off_is_told_apart() {
    for response in [
        // No response, half a head, half a body, half a chunk.
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe",
        b"this is not HTTP\r\n\r\n",
    ] {
        let failure = fetch_answered(response).await.unwrap_err();
        assert_failure(&failure, class::UNAVAILABLE, "LDR-HTTP-BROKEN");
    }
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let opening = plugin.start("http-client/1/stream", to(&server.url("/?key=hush")), []);
    let mut stream = server.accept().await;
    answer(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome").await;
    drop(stream);
    let opened = opening.accepted().await.unwrap();
    assert_eq!(opened.read(4).await, b"some");
    let failure = opened.outcome().await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-HTTP-BROKEN");
    assert!(!failure.message.contains("hush"));
}

fn redirect(location: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_within_the_origin_is_followed_with_its_headers() {
    let (host, server) = (Host::new(), Server::new().await);
    let request = to(&server.url("/old")).with("x-key", "hush");
    let plugin = host.plugin("one");
    let serving = async {
        answer(&mut server.accept().await, &redirect("/new")).await;
        let mut stream = server.accept().await;
        let (head, _) = read_request(&mut stream).await;
        assert!(head.starts_with("GET /new ") && head.contains("x-key: hush"), "{head}");
        assert!(!head.contains("referer"), "{head}");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    };
    let (reply, ()) = tokio::join!(fetch(&plugin, request), serving);
    assert_eq!(reply.unwrap().body, b"ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_origin_is_the_answer_and_nothing_is_sent_there() {
    let other = Server::new().await;
    let location = other.url("/elsewhere");
    let reply = fetch_answered(&redirect(&location)).await.unwrap();
    assert_eq!(reply.metadata.get_text(STATUS), Some("302"));
    assert_eq!(reply.metadata.get_text("location"), Some(&*location));
    assert!(other.is_idle().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_in_circles_ends_after_five() {
    let (host, server) = (Host::new(), Server::new().await);
    let request = to(&server.url("/"));
    let plugin = host.plugin("one");
    let serving = async {
        for _ in 0..6 {
            answer(&mut server.accept().await, &redirect("/")).await;
        }
    };
    let (reply, ()) = tokio::join!(fetch(&plugin, request), serving);
    assert_eq!(reply.unwrap().metadata.get_text(STATUS), Some("302"));
    assert!(server.is_idle().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_those_the_host_trusts_and_nobody_else() {
    let (identity, stranger) = (Identity::new(), Identity::new());
    let host = Host::trusting(Some(identity.authorities()));
    let server = Server::new().await;
    let plugin = host.plugin("one");
    let url = format!("https://localhost:{}/", server.port);
    let serving = async {
        let mut stream = identity.accept(&server).await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        stream.shutdown().await.unwrap();
    };
    let (reply, ()) = tokio::join!(fetch(&plugin, to(&url)), serving);
    assert_eq!(reply.unwrap().body, b"ok");
    // A certificate of somebody else's, and the right one under another name.
    let by_number = format!("https://127.0.0.1:{}/", server.port);
    for (url, identity) in [(&url, &stranger), (&by_number, &identity)] {
        let (reply, accepted) = tokio::join!(fetch(&plugin, to(url)), identity.accept(&server));
        assert!(accepted.is_err());
        let failure = reply.unwrap_err();
        assert_failure(&failure, class::UNAVAILABLE, "LDR-HTTP-UNREACHABLE");
        assert!(failure.message.contains("certificate"), "{failure}");
        assert!(failure.hint.contains("ca.pem"), "{}", failure.hint);
    }
}

#[test]
fn authorities_that_cannot_be_used_are_refused_at_start() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("ca.pem");
    for content in [None, Some("no certificate"), Some("-----BEGIN CERTIFICATE-----\n!\n")] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let kv = folder.path().join("kv.redb");
        let failure = super::host::settings(kv, Some(path.clone())).open().err().unwrap();
        assert_failure(&failure, class::INVALID, "LDR-TLS-AUTHORITIES");
        assert!(failure.message.contains("ca.pem"));
    }
}

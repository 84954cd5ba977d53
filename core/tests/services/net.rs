//! `net/1`: bytes, TLS and errors; who holds a connection is in [`holders`].

mod holders;

use super::{
    host::{Host, Opened, Plugin, soon},
    servers::{Identity, Server, deaf_port, read_to_end},
};
use loader_abi::class;
use loader_contract::service::net::{Close, Connect, Connected, Tls};
use loader_core::{message::Failure, stream::End};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longer than any test runs.
const LONG: u64 = 600_000;

fn to(server: &Server) -> Connect {
    Connect {
        name: "main".into(),
        host: "127.0.0.1".into(),
        port: server.port,
        ..Connect::default()
    }
}

fn kept(server: &Server) -> Connect {
    Connect { keep_ms: LONG, ..to(server) }
}

async fn connect(plugin: &Plugin<'_>, request: &Connect) -> Result<Opened, Failure> {
    plugin.open_json("net/1/connect", request).await
}

async fn close(plugin: &Plugin<'_>) {
    let () = plugin.call_json("net/1/close", &Close { name: "main".into() }).await.unwrap();
}

/// A fresh connection, both ends of it.
async fn pair(plugin: &Plugin<'_>, server: &Server, request: &Connect) -> (Opened, TcpStream) {
    let (opened, stream) = tokio::join!(connect(plugin, request), server.accept());
    let opened = opened.unwrap();
    let head: Connected = opened.head();
    assert!(!head.adopted);
    assert_eq!(head.peer, format!("127.0.0.1:{}", server.port));
    (opened, stream)
}

/// Takes over the connection that is there.
async fn adopt(plugin: &Plugin<'_>, request: &Connect) -> Opened {
    let opened = connect(plugin, request).await.unwrap();
    assert!(opened.head::<Connected>().adopted);
    opened
}

async fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    soon(stream.read_exact(&mut bytes)).await.unwrap();
    bytes
}

fn assert_failure(failure: &Failure, class: u32, code: &str) {
    assert_eq!((failure.class, &*failure.code), (class, code), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_unchanged() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut stream) = pair(&plugin, &server, &to(&server)).await;
    opened.send(b"hello").await;
    assert_eq!(read(&mut stream, 5).await, b"hello");
    let large: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let writing = stream.write_all(&large);
    let (bytes, written) = tokio::join!(opened.read(large.len()), writing);
    written.unwrap();
    assert!(bytes == large);
    let sending = async {
        for piece in large.chunks(500_000) {
            opened.send(piece).await;
        }
    };
    let (bytes, ()) = tokio::join!(read(&mut stream, large.len()), sending);
    assert!(bytes == large);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_had_queued_is_written_although_it_went_away() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    for keep_ms in [0, LONG] {
        let request = Connect { keep_ms, name: format!("kept {keep_ms}"), ..to(&server) };
        let (opened, mut stream) = pair(&plugin, &server, &request).await;
        for _ in 0..20 {
            opened.send(&[b'x'; 50_000]).await;
        }
        drop(opened);
        assert_eq!(read(&mut stream, 1_000_000).await, [b'x'; 1_000_000]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_read_holds_the_plugin_back() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut stream) = pair(&plugin, &server, &to(&server)).await;
    let mut queued = 0;
    let piece = vec![b'x'; 1024 * 1024];
    let full = async {
        loop {
            let message = loader_core::message::Message::data(piece.clone());
            opened.end.sender.send(message).await.unwrap();
            queued += piece.len();
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(1), full).await.is_err());
    assert!(queued <= 96 * 1024 * 1024, "{queued} bytes were taken for a server that reads none");
    assert_eq!(read(&mut stream, queued).await.len(), queued);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_plugin_still_hears_the_answer() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut stream) = pair(&plugin, &server, &kept(&server)).await;
    opened.send(b"question").await;
    opened.finish();
    assert_eq!(read_to_end(&mut stream).await, b"question");
    stream.write_all(b"answer").await.unwrap();
    assert_eq!(opened.read(6).await, b"answer");
    drop(stream);
    opened.outcome().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_reset_is_broken() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, stream) = pair(&plugin, &server, &kept(&server)).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    let failure = opened.outcome().await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-NET-BROKEN");
    pair(&plugin, &server, &kept(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_and_servers_that_are_not_there_are_told_apart() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    for request in [
        Connect { name: String::new(), ..to(&server) },
        Connect { host: String::new(), ..to(&server) },
        Connect { port: 0, ..to(&server) },
    ] {
        let failure = connect(&plugin, &request).await.unwrap_err();
        assert_failure(&failure, class::INVALID, "LDR-CALL-REQUEST");
    }
    let request = Connect { port: deaf_port().await, ..to(&server) };
    let failure = connect(&plugin, &request).await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-NET-UNREACHABLE");
    assert!(failure.message.contains(&format!("127.0.0.1:{}", request.port)), "{failure}");
    let request = Connect { host: "no such name".into(), ..to(&server) };
    let failure = connect(&plugin, &request).await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-NET-RESOLVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_of_tls_is_given_up() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let request = Connect { tls: Some(Tls::default()), timeout_ms: 50, ..to(&server) };
    let failure = connect(&plugin, &request).await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-NET-UNREACHABLE");
    assert!(failure.message.contains("50 ms"), "{failure}");
    let request = Connect { timeout_ms: 0, ..request };
    let hurried = plugin.within(Duration::from_millis(50));
    let failure = connect(&hurried, &request).await.unwrap_err();
    assert_failure(&failure, class::DEADLINE, "LDR-CALL-DEADLINE");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_carries_bytes_to_those_a_request_trusts_and_is_taken_over_too() {
    let (identity, host, server) = (Identity::new(), Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let tls = Tls {
        server_name: "localhost".into(),
        ca_file: identity.authorities().to_str().unwrap().into(),
    };
    let request = Connect { tls: Some(tls), ..kept(&server) };
    let (opened, stream) = tokio::join!(connect(&plugin, &request), identity.accept(&server));
    let (opened, mut stream) = (opened.unwrap(), stream.unwrap());
    opened.send(b"hello").await;
    let mut bytes = [0; 5];
    soon(stream.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"hello");
    drop(opened);
    stream.write_all(b"still here").await.unwrap();
    stream.flush().await.unwrap();
    // Plain TCP to the same place is another connection; the same request is this one.
    let opened = adopt(&plugin.reloaded(), &request).await;
    assert_eq!(opened.read(10).await, b"still here");
    stream.shutdown().await.unwrap();
    assert_eq!(opened.receive().await, Err(End::Done));
    opened.finish();
    soon(stream.read_to_end(&mut Vec::new())).await.expect("goodbye was said");
    opened.outcome().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_refused() {
    let (identity, stranger) = (Identity::new(), Identity::new());
    let host = Host::trusting(Some(identity.authorities()));
    let server = Server::new().await;
    let plugin = host.plugin("one");
    let stranger_file: String = stranger.authorities().to_str().unwrap().into();
    let cases = [
        // The right authority, the wrong name.
        Tls { server_name: "example.org".into(), ..Tls::default() },
        // The right name, the wrong authority.
        Tls { server_name: "localhost".into(), ca_file: stranger_file },
    ];
    for tls in cases {
        let request = Connect { tls: Some(tls.clone()), ..to(&server) };
        let (opened, accepted) = tokio::join!(connect(&plugin, &request), identity.accept(&server));
        assert!(accepted.is_err());
        let failure = opened.unwrap_err();
        assert_failure(&failure, class::FORBIDDEN, "LDR-NET-CERTIFICATE");
        assert!(failure.message.contains(&tls.server_name), "{failure}");
        assert!(failure.hint.contains("ca.pem"), "{}", failure.hint);
    }
    // The host's own authorities count when a request names none, and the host name is the name.
    let request = Connect { host: "localhost".into(), tls: Some(Tls::default()), ..to(&server) };
    let (opened, accepted) = tokio::join!(connect(&plugin, &request), identity.accept(&server));
    assert!(accepted.is_ok());
    opened.unwrap();
}

//! How a gateway ends.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::context::Context;
use crate::gateway::Gateway;
use crate::http;

const BODY: &str = r#"{"messages":[{"role":"user","content":"in flight"}]}"#;

/// A request that the gateway has begun to read and cannot answer yet.
fn request_in_flight(gateway: &Gateway) -> TcpStream {
    let mut stream = http::connect(&gateway.url);
    let head = http::chat_head(&gateway.url, &gateway.token, BODY.len());
    let head = head.replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it reads the head");
    // It says so when it wants the body, which is when the request is in flight.
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Waits until the gateway accepts nobody any more, which is when it stops.
fn wait_until_it_stops(gateway: &Gateway) {
    let address = gateway.url.trim_start_matches("http://");
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_lets_requests_in_flight_finish() {
    for signal in ["TERM", "INT"] {
        let context = Context::with_plugins();
        let gateway = Gateway::start(&context, &[]);
        let mut stream = request_in_flight(&gateway);
        gateway.signal(signal);
        wait_until_it_stops(&gateway);
        stream.write_all(BODY.as_bytes()).expect("it reads the body");
        let (status, body) = http::answer(stream);
        assert_eq!((status, body.contains("in flight")), (200, true), "{body}");
        let (status, _, stderr) = gateway.end();
        assert_eq!(status.code(), Some(0), "{stderr}");
        // Nothing of the plugins is left behind.
        let store = std::fs::read_dir(context.state().join("store")).expect("the store");
        let left: Vec<_> = store.map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(left, ["lock"]);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second, code) in
        [("TERM", "TERM", 143), ("INT", "INT", 130), ("TERM", "INT", 130), ("INT", "TERM", 143)]
    {
        let context = Context::with_plugins();
        let arguments = ["--set", "gateway.drain_timeout_ms=600000"];
        let gateway = Gateway::start(&context, &arguments);
        let stream = request_in_flight(&gateway);
        gateway.signal(first);
        wait_until_it_stops(&gateway);
        gateway.signal(second);
        let (status, _, stderr) = gateway.end();
        assert_eq!(status.code(), Some(code), "{first} {second}\n{stderr}");
        drop(stream);
    }
}

#[test]
fn what_does_not_finish_within_the_drain_deadline_is_cut_off() {
    let context = Context::with_plugins();
    let gateway = Gateway::start(&context, &["--set", "gateway.drain_timeout_ms=100"]);
    let mut stream = request_in_flight(&gateway);
    let (status, _, stderr) = gateway.stop();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("cut off"), "{stderr}");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
}

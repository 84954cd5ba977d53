//! Just enough HTTP to ask a gateway something.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection to `http://ADDRESS`.
pub(crate) fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(authority(url)).expect("the gateway listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it is a socket");
    stream
}

/// `GET` with a token, or without one if it is empty; the status and the body.
pub(crate) fn get(url: &str, path: &str, token: &str) -> (u16, String) {
    let mut stream = connect(url);
    let mut head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n", authority(url));
    if !token.is_empty() {
        head.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    head.push_str("connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it reads the request");
    answer(stream)
}

/// The head of a chat request whose body will have this many bytes.
pub(crate) fn chat_head(url: &str, token: &str, bytes: usize) -> String {
    let authority = authority(url);
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n"
    )
}

/// The status and the body of an answer, which the gateway ends by closing the connection.
pub(crate) fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("an answer has a status"), body.to_owned())
}

fn authority(url: &str) -> &str {
    url.strip_prefix("http://").expect("it is a URL")
}

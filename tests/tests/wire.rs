//! The boundary over a socket pair: the plugin's library is in a child process, its host is this test,
//! and all that passes between them is frames of bytes and names. If one of the boundary's values
//! could not be written down, this could not be done; so it was done before the boundary was frozen.

use integration_tests::{
    build,
    wire::{self, Context, Frame, Message, Metadata, Reply, Request},
};
use loader_abi::{class, end_reason, message_kind, operation};
use std::{
    io::ErrorKind,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command},
    time::Duration,
};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The far side: a plugin in another process.
struct Far {
    socket: UnixStream,
    child: Child,
    next_id: u64,
    /// Messages of logs that came meanwhile.
    logs: Vec<String>,
}

impl Far {
    fn start(plugin: &str) -> Self {
        let (socket, theirs) = UnixStream::pair().expect("a socket pair");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let child = Command::new(env!("CARGO_BIN_EXE_wire-child"))
            .arg(build::library(plugin))
            .arg(plugin)
            .stdin(OwnedFd::from(theirs))
            .spawn()
            .expect("the child starts");
        let mut far = Self { socket, child, next_id: 1, logs: Vec::new() };
        let described = far.ask(operation::DESCRIBE, b"{}");
        let described: serde_json::Value = serde_json::from_slice(&described).expect("JSON");
        assert_eq!(described["id"], plugin);
        far.ask(operation::REGISTER, b"");
        far.ask(operation::START, b"{}");
        far
    }

    fn send(&mut self, frame: &Frame) {
        wire::write(&mut self.socket, frame).expect("the child reads");
    }

    /// The next frame that is no log.
    fn receive(&mut self) -> Frame {
        loop {
            match wire::read(&mut self.socket).expect("a frame in time").expect("no end yet") {
                Frame::Emit(_, _, message, _) => self.logs.push(message),
                frame => return frame,
            }
        }
    }

    fn request(&mut self, operation: &str, metadata: Metadata, body: &[u8]) -> (u64, Request) {
        let id = self.next_id;
        self.next_id += 2;
        let context = Context {
            call_id: id,
            remaining_ns: 60_000_000_000,
            trace: Some(TRACE.to_owned()),
            caller: "gateway".to_owned(),
            depth: 0,
            idempotency_key: "once".to_owned(),
        };
        let operation = operation.to_owned();
        (id, Request { operation, context, metadata, body: body.to_owned() })
    }

    fn call(&mut self, operation: &str, metadata: Metadata, body: &[u8]) -> u64 {
        let (id, request) = self.request(operation, metadata, body);
        self.send(&Frame::Call(id, request));
        id
    }

    /// A call that asks nothing of the host meanwhile.
    fn ask(&mut self, operation: &str, body: &[u8]) -> Vec<u8> {
        let id = self.call(operation, Vec::new(), body);
        self.answer(id).body
    }

    fn answer(&mut self, id: u64) -> Reply {
        match self.receive() {
            Frame::Answer(answered, Ok(reply)) if answered == id => reply,
            other => panic!("not the answer to {id}: {other:?}"),
        }
    }

    /// The child ends by itself once nobody is there any more.
    fn end(mut self) {
        self.ask(operation::STOP, b"");
        drop(self.socket);
        assert!(self.child.wait().expect("the child ends").success());
    }
}

fn some_metadata() -> Metadata {
    vec![("x-a".into(), vec![0, 255]), ("x-b".into(), b"b".to_vec()), ("x-a".into(), Vec::new())]
}

fn every_byte() -> Vec<u8> {
    (0..=255).cycle().take(100_000).collect()
}

#[test]
fn a_call_crosses_as_bytes() {
    let mut far = Far::start("bare-call");
    let id = far.call("http-route/1/handle", some_metadata(), &every_byte());
    assert_eq!(far.answer(id).body, every_byte());
    far.call("http-route/1/nonsense", Vec::new(), b"");
    match far.receive() {
        Frame::Answer(_, Err(error)) => assert_eq!(error.class, class::UNIMPLEMENTED),
        other => panic!("not an error: {other:?}"),
    }
    far.end();
}

#[test]
fn a_call_to_the_host_crosses_as_bytes() {
    let mut far = Far::start("courier");
    let id = far.call("courier/1/ask", some_metadata(), &every_byte());
    let (asked, request) = match far.receive() {
        Frame::Call(asked, request) => (asked, request),
        other => panic!("no call to the host: {other:?}"),
    };
    assert_eq!(request.operation, "parrot/1/repeat");
    assert_eq!(request.metadata, some_metadata());
    assert_eq!(request.body, every_byte());
    // What the host knows the call by comes along: its id, its trace, and what is left of its time.
    assert_eq!(request.context.call_id, id);
    assert_eq!(request.context.trace.as_deref(), Some(TRACE));
    assert!((1..60_000_000_000).contains(&request.context.remaining_ns));
    let reply = Reply { metadata: some_metadata(), body: b"polly".to_vec() };
    far.send(&Frame::Answer(asked, Ok(reply.clone())));
    assert_eq!(far.answer(id), reply);
    assert!(far.logs.iter().any(|message| message == "carrying"), "{:?}", far.logs);
    far.end();
}

#[test]
fn an_error_of_the_host_crosses_whole() {
    let mut far = Far::start("courier");
    let id = far.call("courier/1/ask", Vec::new(), b"");
    let Frame::Call(asked, _) = far.receive() else { panic!("no call to the host") };
    let error = wire::Error {
        class: class::EXHAUSTED,
        code: "too_loud".into(),
        message: "the parrot sleeps".into(),
        hint: "wait".into(),
        retry_after_ms: Some(1_500),
        details: br#"{"until":"dawn"}"#.to_vec(),
        origin: "host".into(),
    };
    far.send(&Frame::Answer(asked, Err(error.clone())));
    assert_eq!(far.receive(), Frame::Answer(id, Err(error)));
    far.end();
}

#[test]
fn a_cancelled_call_cancels_what_it_asked_of_the_host() {
    let mut far = Far::start("courier");
    let id = far.call("courier/1/ask", Vec::new(), b"");
    let Frame::Call(asked, _) = far.receive() else { panic!("no call to the host") };
    far.send(&Frame::Cancel(id));
    assert_eq!(far.receive(), Frame::Cancel(asked));
    far.end();
}

#[test]
fn a_stream_to_the_plugin_crosses_as_bytes() {
    let mut far = Far::start("courier");
    let (id, request) = far.request("courier/1/echo", some_metadata(), b"head");
    far.send(&Frame::Open(id, request));
    let head =
        Message { kind: message_kind::HEAD, metadata: some_metadata(), body: b"head".into() };
    assert_eq!(far.receive(), Frame::Message(id, head));
    // Not giving credit stops the plugin after its window of four, of which the head took one.
    let data = |number: u8| Message {
        kind: message_kind::DATA,
        metadata: some_metadata(),
        body: vec![number; 3],
    };
    for number in 0..8 {
        far.send(&Frame::Message(id, data(number)));
    }
    let mut echoed = Vec::new();
    let mut taken = 0;
    while echoed.len() < 3 || taken < 4 {
        match far.receive() {
            Frame::Message(_, message) => echoed.push(message),
            Frame::Credit(_, more) => taken += more,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(echoed, [data(0), data(1), data(2)]);
    expect_silence(&mut far);
    far.send(&Frame::Credit(id, 5));
    far.send(&Frame::End(id, end_reason::DONE, None));
    loop {
        match far.receive() {
            Frame::Message(_, message) => echoed.push(message),
            Frame::Credit(..) | Frame::Deaf(_) => {}
            Frame::Answer(answered, ended) => {
                assert_eq!((answered, ended), (id, Ok(Reply::default())));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(echoed, (0..8).map(data).collect::<Vec<_>>());
    far.end();
}

/// The plugin waits for credit: nothing comes for a while.
fn expect_silence(far: &mut Far) {
    far.socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let silence = wire::read(&mut far.socket).expect_err("nothing comes");
    assert!(matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
    far.socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
}

#[test]
fn a_stream_to_the_host_crosses_as_bytes() {
    let mut far = Far::start("courier");
    let id = far.call("courier/1/collect", Vec::new(), b"three");
    let (opened, request) = match far.receive() {
        Frame::Open(opened, request) => (opened, request),
        other => panic!("no stream to the host: {other:?}"),
    };
    assert_eq!(
        (request.operation.as_str(), request.body.as_slice()),
        ("tally/1/count", &b"three"[..])
    );
    let message = |kind, body: &str| {
        let body = body.as_bytes().to_vec();
        Frame::Message(opened, Message { kind, metadata: Vec::new(), body })
    };
    far.send(&message(message_kind::HEAD, "0"));
    assert_eq!(far.receive(), Frame::Credit(opened, 1));
    assert_eq!(far.receive(), message(message_kind::DATA, "listening"));
    assert_eq!(far.receive(), Frame::End(opened, end_reason::DONE, None));
    for number in ["1", "2", "3"] {
        far.send(&message(message_kind::DATA, number));
    }
    far.send(&Frame::Answer(opened, Ok(Reply::default())));
    for _ in 0..3 {
        assert_eq!(far.receive(), Frame::Credit(opened, 1));
    }
    assert_eq!(far.answer(id).body, b"0123");
    far.end();
}

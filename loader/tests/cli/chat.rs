//! Talking to a model from the terminal.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::context::Context;
use crate::gateway::{Gateway, PATIENCE, Running};

#[test]
fn one_question_has_one_answer() {
    let context = Context::with_plugins();
    assert_eq!(context.run(&["chat", "Hello, you"]).data(), "Hello, you\n");
    assert_eq!(context.run(&["chat", "--model", "echo/echo", "Hi"]).data(), "Hi\n");
}

#[test]
fn every_line_is_a_turn() {
    let context = Context::with_plugins();
    let outcome = context.run_with_input(&["chat"], b"one\n\n  \nand two");
    assert_eq!(outcome.data(), "one\nand two\n");
    // The partner is told the whole conversation: its words are counted as tokens.
    let outcome = context.run_with_input(&["chat", "--json"], b"one\nand two\n");
    outcome.data();
    let tokens = |event: &Value| event["usage"]["input_tokens"].as_u64();
    let tokens: Vec<_> = outcome.json_lines().iter().filter_map(tokens).collect();
    assert_eq!(tokens, [1, 4]);
}

#[test]
fn events_are_one_json_value_per_line() {
    let context = Context::with_plugins();
    let outcome = context.run(&["chat", "--json", "--model", "echo/echo", "Hello you"]);
    outcome.data();
    assert_eq!(
        outcome.json_lines(),
        [
            json!({ "type": "start", "schema": "loader.chat/1", "model": "echo/echo" }),
            json!({ "type": "text", "text": "Hello " }),
            json!({ "type": "text", "text": "you" }),
            json!({
                "type": "finish",
                "reason": "stop",
                "usage": { "input_tokens": 2, "output_tokens": 2 },
            }),
        ]
    );
}

#[test]
fn a_model_that_does_not_exist_is_named() {
    let context = Context::with_plugins();
    assert_eq!(
        context.run(&["chat", "--model", "nobody/x", "Hello"]).to_string(),
        "\
exit: 4
-- stdout
-- stderr
error[model_not_found]: there is no provider `nobody`
  hint: providers: echo
"
    );
    let outcome = context.run(&["chat", "--json", "--model", "echo/x", "Hello"]);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(4), ""), "{outcome}");
    let events = outcome.json_lines();
    assert_eq!(events[1]["type"], "error");
    assert_eq!(events[1]["error"]["code"], "model_not_found");
    assert_eq!(events[1]["error"]["plugin"], "echo");
}

#[test]
fn a_turn_that_fails_leaves_the_others_alone() {
    let context = Context::with_plugins();
    let outcome = context.run_with_input(&["chat", "--model", "echo/x"], b"one\ntwo\n");
    assert_eq!(outcome.code, Some(4), "{outcome}");
    assert_eq!(outcome.stderr.matches("error[model_not_found]").count(), 2, "{outcome}");
}

#[test]
fn a_plugin_that_does_not_start_is_named_when_its_model_is_asked() {
    let context = Context::new();
    context.install("echo");
    fs::write(context.plugins().join("echo/libecho.so"), "no library").expect("a file");
    let outcome = context.run(&["chat", "Hello"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stderr.contains("error[LDR-VET-FORMAT]"), "{outcome}");
    assert!(outcome.stderr.contains("echo"), "{outcome}");
}

#[test]
fn a_chat_connects_nobodys_accounts() {
    let context = Context::with_plugins();
    // No plugin provides this channel, which whoever connects its accounts complains about.
    let account = "channels.none.accounts.mine.enabled=true";
    let settings = ["--set", account, "--set", "log.filter=warn"];
    let complaint = "LDR-CHANNEL-UNKNOWN";
    let outcome = context.run(&[&["chat", "Hello"][..], &settings].concat());
    assert_eq!(outcome.data(), "Hello\n");
    let (_, _, stderr) = Gateway::start(&context, &settings).stop();
    assert!(stderr.contains(complaint), "{stderr}");
}

#[test]
fn input_that_is_no_text_is_an_error() {
    let context = Context::with_plugins();
    let outcome = context.run_with_input(&["chat"], b"fine\n\xff\xfe\n");
    assert_eq!((outcome.code, &*outcome.stdout), (Some(1), "fine\n"), "{outcome}");
    assert!(outcome.stderr.starts_with("error[LDR-CHAT-INPUT]: "), "{outcome}");
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let context = Context::with_plugins();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let outcome = context.outcome(context.command(&["chat", "Hello"]).stdout(writer));
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{outcome}");
}

#[test]
fn a_gateway_that_runs_is_who_answers() {
    let context = Context::with_plugins();
    let gateway = Gateway::start(&context, &["--set", "log.filter=loader=debug"]);
    // This one could not answer by itself.
    let mut alone = context.command_alone(&["chat", "--json", "Hello you"]);
    alone.args(["--set", "plugins.enabled=false"]);
    let outcome = context.outcome(&mut alone);
    outcome.data();
    assert_eq!(
        outcome.json_lines()[1..],
        [
            json!({ "type": "text", "text": "Hello " }),
            json!({ "type": "text", "text": "you" }),
            json!({
                "type": "finish",
                "reason": "stop",
                "usage": { "input_tokens": 2, "output_tokens": 2 },
            }),
        ]
    );
    let outcome = context.run(&["chat", "--model", "nobody/x", "Hello"]);
    assert_eq!(outcome.code, Some(4), "{outcome}");
    assert_eq!(
        outcome.stderr,
        "error[model_not_found]: there is no provider `nobody`\n  hint: providers: echo\n"
    );
    gateway.stop();
}

/// A gateway that does as the test says, and holds the state folder like a real one.
pub(crate) struct FakeGateway {
    listener: TcpListener,
    _lock: File,
}

impl FakeGateway {
    pub(crate) fn start(context: &Context) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700).create(context.state()).expect("a folder");
        let private = |name: &str| {
            let mut options = File::options();
            options.write(true).create_new(true).mode(0o600);
            options.open(context.state().join(name)).expect("a file")
        };
        private("token").write_all(b"ldr_a_token_for_a_test\n").expect("a token");
        let mut lock = private("lock");
        lock.lock().expect("nobody else has it");
        let note = json!({ "pid": 1, "command": "run", "url": url });
        lock.write_all(note.to_string().as_bytes()).expect("a note");
        Self { listener, _lock: lock }
    }

    /// Accepts a request, checks its token, and answers with the beginning of a stream. What is said
    /// in the conversation comes with it.
    pub(crate) fn begin_answer(&self) -> (TcpStream, Vec<String>) {
        let listener = self.listener.try_clone().expect("a copy");
        let (sender, accepted) = mpsc::channel();
        std::thread::spawn(move || sender.send(listener.accept()));
        let accepted = accepted.recv_timeout(PATIENCE).expect("a request in time");
        let (stream, _) = accepted.expect("a request");
        let mut request = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(request.read_line(&mut head).expect("it is text"), 0, "{head}");
        }
        assert!(head.contains("authorization: Bearer ldr_a_token_for_a_test\r\n"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect("a length")];
        request.read_exact(&mut body).expect("a body");
        let body: Value = serde_json::from_slice(&body).expect("it is JSON");
        let messages = body["messages"].as_array().expect("a conversation").iter();
        let said = messages.map(|message| message["content"].as_str().expect("text").to_owned());

        let chunk = json!({ "choices": [{ "delta": { "content": "half an" } }] });
        let event = format!("data: {chunk}\n\n");
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked";
        let answer = format!("{head}\r\n\r\n{:x}\r\n{event}\r\n", event.len());
        let mut stream = request.into_inner();
        stream.write_all(answer.as_bytes()).expect("it reads the answer");
        (stream, said.collect())
    }
}

#[test]
fn ctrl_c_cancels_the_answer_under_way() {
    let context = Context::new();
    let fake = FakeGateway::start(&context);
    let mut running = Running::start(context.command(&["chat", "--json", "Hello"]));
    let (mut stream, _) = fake.begin_answer();
    assert!(running.line().contains("start"));
    assert!(running.line().contains("half an"));
    running.signal("INT");
    let (status, stdout, stderr) = running.end();
    assert_eq!((status.code(), &*stdout), (Some(130), "{\"type\":\"cancelled\"}\n"), "{stderr}");
    // The gateway sees that nobody waits for the rest.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
}

#[test]
fn a_gateway_that_goes_away_leaves_no_answer_that_looks_complete() {
    let context = Context::new();
    let fake = FakeGateway::start(&context);
    let running = Running::start(context.command(&["chat", "Hello"]));
    drop(fake.begin_answer());
    let (status, stdout, stderr) = running.end();
    assert_eq!((status.code(), &*stdout), (Some(1), "half an\n"), "{stderr}");
    assert!(stderr.starts_with("error[upstream_cut_off]: "), "{stderr}");
}

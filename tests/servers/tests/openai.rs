//! What the misbehaving OpenAI server sends, asked in place, and what it says about itself when it
//! runs as a program and its client goes away.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use test_servers::openai::{Behaviour, EventLog, Server};
use tower::ServiceExt;

// ---- Asked in place ---------------------------------------------------------------------------

/// A response taken apart; `whole` is false when the server broke off in the middle.
struct Taken {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    whole: bool,
}

impl Taken {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The data of each event; the closing `[DONE]` as a string.
    fn events(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.body).expect("the stream is UTF-8");
        text.split_terminator("\n\n")
            .map(|event| event.strip_prefix("data: ").expect("an event has data"))
            .map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data)))
            .collect()
    }
}

fn quiet_server() -> Router {
    Server::new(EventLog::new(std::io::sink())).router()
}

async fn ask(router: &Router, body: &Value) -> Taken {
    let request = Request::post("/v1/chat/completions").body(Body::from(body.to_string())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let (mut body, mut received, mut whole) = (response.into_body(), Vec::new(), true);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => received.extend_from_slice(&frame.into_data().unwrap()),
            Err(_) => whole = false,
        }
    }
    Taken { status, headers, body: received, whole }
}

fn chat(model: &str, stream: bool) -> Value {
    json!({
        "model": model,
        "stream": stream,
        "messages": [{ "role": "user", "content": "grüße an alle" }],
    })
}

fn chat_with_tool(stream: bool) -> Value {
    json!({
        "model": "good",
        "stream": stream,
        "messages": [{ "role": "user", "content": "How much is 12*5?" }],
        "tools": [{ "type": "function", "function": {
            "name": "calculate",
            "parameters": { "type": "object", "properties": { "expression": { "type": "string" } } },
        }}],
    })
}

#[tokio::test]
async fn models_lists_every_behaviour() {
    let request = Request::get("/v1/models").body(Body::empty()).unwrap();
    let response = quiet_server().oneshot(request).await.unwrap();
    let body: Value =
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
    let listed: Vec<&str> = body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, Behaviour::ALL.map(Behaviour::model));
}

#[tokio::test]
async fn good_repeats_the_user_and_counts_words() {
    let taken = ask(&quiet_server(), &chat("good", false)).await;
    let body = taken.json();
    assert_eq!(body["choices"][0]["message"]["content"], "You said: grüße an alle");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        body["usage"],
        json!({ "prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8 })
    );
}

#[tokio::test]
async fn good_streams_the_same_text_in_several_deltas() {
    let mut request = chat("good", true);
    request["stream_options"] = json!({ "include_usage": true });
    let events = ask(&quiet_server(), &request).await.events();
    let deltas: Vec<&str> = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert!(deltas.len() >= 5, "{deltas:?}");
    assert_eq!(deltas.concat(), "You said: grüße an alle");
    let [.., finish, usage, done] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(8)));
    assert_eq!(done, "[DONE]");
}

#[tokio::test]
async fn good_streams_no_usage_unasked() {
    let events = ask(&quiet_server(), &chat("good", true)).await.events();
    assert!(events.iter().all(|event| event.get("usage").is_none()), "{events:?}");
}

#[tokio::test]
async fn good_calls_the_first_tool_then_quotes_its_result() {
    let server = quiet_server();
    let mut request = chat_with_tool(false);
    let body = ask(&server, &request).await.json();
    let call = &body["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(
        call["function"],
        json!({ "name": "calculate", "arguments": r#"{"expression":"12*5"}"# })
    );

    let messages = request["messages"].as_array_mut().unwrap();
    messages.push(body["choices"][0]["message"].clone());
    messages.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": "sixty" }));
    let body = ask(&server, &request).await.json();
    assert_eq!(body["choices"][0]["message"]["content"], "The tool answered: sixty");
}

#[tokio::test]
async fn good_streams_tool_arguments_in_several_deltas() {
    let events = ask(&quiet_server(), &chat_with_tool(true)).await.events();
    let calls: Vec<&Value> = events
        .iter()
        .map(|event| &event["choices"][0]["delta"]["tool_calls"][0])
        .filter(|call| !call.is_null())
        .collect();
    assert_eq!(calls[0]["function"]["name"], "calculate");
    let arguments: Vec<&str> =
        calls.iter().map(|call| call["function"]["arguments"].as_str().unwrap()).collect();
    assert!(arguments.iter().filter(|piece| !piece.is_empty()).count() >= 3, "{arguments:?}");
    assert_eq!(arguments.concat(), r#"{"expression":"12*5"}"#);
}

#[tokio::test]
async fn good_answers_in_words_when_tools_are_forbidden() {
    let mut request = chat_with_tool(false);
    request["tool_choice"] = json!("none");
    let body = ask(&quiet_server(), &request).await.json();
    assert_eq!(body["choices"][0]["message"]["content"], "You said: How much is 12*5?");
}

#[tokio::test]
async fn refusals_have_their_status_and_code() {
    let server = quiet_server();
    for (model, status, code) in [
        ("unauthorized", StatusCode::UNAUTHORIZED, json!("invalid_api_key")),
        ("missing", StatusCode::NOT_FOUND, json!("model_not_found")),
        ("no-such-model", StatusCode::NOT_FOUND, json!("model_not_found")),
        ("rate-limited", StatusCode::TOO_MANY_REQUESTS, json!("rate_limit_exceeded")),
        ("broken", StatusCode::INTERNAL_SERVER_ERROR, json!(null)),
    ] {
        for stream in [false, true] {
            let taken = ask(&server, &chat(model, stream)).await;
            assert_eq!((taken.status, &taken.json()["error"]["code"]), (status, &code), "{model}");
        }
    }
}

#[tokio::test]
async fn rate_limited_asks_for_a_second() {
    let taken = ask(&quiet_server(), &chat("rate-limited", false)).await;
    assert_eq!(taken.headers["retry-after"], "1");
}

#[tokio::test]
async fn rate_limited_once_refuses_each_user_once() {
    let server = quiet_server();
    let mut statuses = Vec::new();
    for user in ["anna", "anna", "bert", "anna", "bert"] {
        let mut request = chat("rate-limited-once", false);
        request["user"] = json!(user);
        statuses.push(ask(&server, &request).await.status.as_u16());
    }
    assert_eq!(statuses, [429, 200, 429, 200, 200]);
}

#[tokio::test]
async fn dies_midstream_breaks_off_after_some_chunks() {
    let taken = ask(&quiet_server(), &chat("dies-midstream", true)).await;
    assert_eq!((taken.status, taken.events().len(), taken.whole), (StatusCode::OK, 3, false));
    let taken = ask(&quiet_server(), &chat("dies-midstream", false)).await;
    assert_eq!((taken.status, taken.body.len(), taken.whole), (StatusCode::OK, 40, false));
}

#[tokio::test(start_paused = true)]
async fn silences_outlast_a_minute_and_end_within_two() {
    let server = quiet_server();
    for (model, stream) in
        [("silent", true), ("stalls-midstream", true), ("stalls-midstream", false)]
    {
        let start = tokio::time::Instant::now();
        ask(&server, &chat(model, stream)).await;
        let silence = start.elapsed().as_secs();
        assert!((60..120).contains(&silence), "{model} was silent for {silence} s");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_stream_takes_ten_seconds() {
    for stream in [true, false] {
        let start = tokio::time::Instant::now();
        let taken = ask(&quiet_server(), &chat("slow-stream", stream)).await;
        let seconds = start.elapsed().as_secs();
        assert!(taken.whole && (10..12).contains(&seconds), "stream {stream}: {seconds} s");
    }
}

#[tokio::test]
async fn garbage_is_no_json() {
    let server = quiet_server();
    let taken = ask(&server, &chat("garbage", false)).await;
    assert_eq!((taken.status, taken.whole), (StatusCode::OK, true));
    assert!(serde_json::from_slice::<Value>(&taken.body).is_err());
    let taken = ask(&server, &chat("garbage", true)).await;
    assert_eq!(taken.headers["content-type"], "text/event-stream");
    assert!(std::str::from_utf8(&taken.body).is_err());
}

#[tokio::test]
async fn huge_is_three_mebibytes_in_both_forms() {
    let server = quiet_server();
    let body = ask(&server, &chat("huge", false)).await.json();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(text.len() / 1024 / 1024, 3);
    let events = ask(&server, &chat("huge", true)).await.events();
    let streamed: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert!(streamed == text, "the two forms differ");
}

#[tokio::test]
async fn nonsense_is_refused_with_an_openai_error() {
    for body in [json!([]), json!({}), json!({ "model": 7 })] {
        let taken = ask(&quiet_server(), &body).await;
        assert_eq!(taken.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(taken.json()["error"]["type"], "invalid_request_error", "{body}");
    }
}

// ---- As a program -----------------------------------------------------------------------------

/// The program, with its log on a pipe, so that a test can wait for the next event.
struct Program {
    process: Child,
    address: String,
    log: mpsc::Receiver<String>,
}

/// How long an event may take that should come at once.
const DEADLINE: Duration = Duration::from_secs(10);

impl Program {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_misbehaving-openai"))
            .args(["--listen", "127.0.0.1:0", "--log", "/dev/stderr"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = serde_json::from_str::<Value>(&line).unwrap()["url"].clone();
        let address = url.as_str().unwrap().strip_prefix("http://").unwrap();
        let address = address.strip_suffix("/v1").unwrap().to_owned();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { process, address, log }
    }

    /// Sends a request, with a key, and leaves the connection open.
    fn send(&self, body: &Value) -> TcpStream {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        let body = body.to_string();
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer the-key\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        connection.write_all(request.as_bytes()).unwrap();
        connection
    }

    /// Waits for the next event and checks what every event has.
    fn next_event(&self, sequence: u64, event: &str) -> Value {
        let line = self.log.recv_timeout(DEADLINE).expect(event);
        assert!(!line.contains("the-key"), "{line}");
        let logged: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&logged["sequence"], &logged["event"]),
            (&json!(sequence), &json!(event)),
            "{line}"
        );
        logged
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads until the text has been received.
fn read_past(connection: &mut TcpStream, text: &str) {
    let (mut received, mut buffer) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&received).contains(text) {
        let length = connection.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "the connection ended before {text}");
        received.extend_from_slice(&buffer[..length]);
    }
}

#[test]
fn program_logs_a_request_and_its_end() {
    let program = Program::start();
    let mut connection = program.send(&chat_with_tool(true));
    read_past(&mut connection, "[DONE]");
    let received = program.next_event(1, "received");
    assert_eq!(
        [&received["model"], &received["stream"], &received["authorization"], &received["tools"]],
        [&json!("good"), &json!(true), &json!(true), &json!(1)]
    );
    let finished = program.next_event(2, "finished");
    assert_eq!((&finished["exchange"], &finished["status"]), (&json!(1), &json!(200)));
}

#[test]
fn program_logs_a_client_that_leaves_midstream() {
    let program = Program::start();
    for (number, model, seen) in
        [(0, "slow-stream", "\"3 \""), (1, "stalls-midstream", "\"answer \"")]
    {
        let mut connection = program.send(&chat(model, true));
        read_past(&mut connection, seen);
        drop(connection);
        program.next_event(2 * number + 1, "received");
        let event = program.next_event(2 * number + 2, "disconnected");
        assert!(event["chunks"].as_u64().unwrap() < 20, "{event}");
    }
}

#[test]
fn program_logs_a_client_that_leaves_before_the_answer() {
    let program = Program::start();
    let connection = program.send(&chat("silent", false));
    program.next_event(1, "received");
    drop(connection);
    let event = program.next_event(2, "disconnected");
    assert_eq!((&event["chunks"], &event["status"]), (&json!(0), &json!(null)));
}

#[test]
fn program_cuts_the_connection_without_ending_the_body() {
    let program = Program::start();
    let mut received = String::new();
    program.send(&chat("dies-midstream", true)).read_to_string(&mut received).unwrap();
    assert!(!received.ends_with("\r\n0\r\n\r\n"), "{received}");
    program.next_event(1, "received");
    assert_eq!(program.next_event(2, "cut")["chunks"], 3);
}

#[test]
fn program_refuses_an_address_that_is_not_loopback() {
    let output = Command::new(env!("CARGO_BIN_EXE_misbehaving-openai"))
        .args(["--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a loopback address"));
}

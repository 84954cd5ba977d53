//! Chat completions, whole and streamed.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use loader_abi::class;
use loader_core::message::Failure;
use loader_gateway::config::Config;
use serde_json::{Value, json};

use super::fake::{Fake, Script, failed_upstream, finish, text};
use super::{Answered, PEER, ask, edge, policy_of, request, with_json};
use crate::http::Edge;

fn chat(stream: bool) -> Request<Body> {
    let body = json!({
        "model": "echo/echo", "messages": [{ "role": "user", "content": "hi" }], "stream": stream,
    });
    with_json(request("POST", "/v1/chat/completions"), &body)
}

/// The data of every event, as text.
fn events(body: &[u8]) -> Vec<String> {
    let body = std::str::from_utf8(body).expect("UTF-8");
    let events = body.split_terminator("\n\n");
    events.map(|event| event.strip_prefix("data: ").expect("data").to_owned()).collect()
}

fn content(event: &str) -> Value {
    let event: Value = serde_json::from_str(event).expect("JSON");
    event["choices"][0]["delta"]["content"].clone()
}

#[tokio::test]
async fn a_whole_answer_is_a_chat_completion() {
    let answered = ask(&edge(Fake::new()), chat(false)).await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.header("content-type"), "application/json");
    let answer = answered.json();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "echo/echo");
    assert_eq!(answer["choices"][0]["message"]["content"], "hello");
    assert!(answer["id"].as_str().is_some_and(|id| id.starts_with("chatcmpl-")));
    assert!(answer["created"].as_u64().is_some_and(|created| created > 1_700_000_000));
}

#[tokio::test]
async fn a_streamed_answer_is_events_and_then_done() {
    let answered = ask(&edge(Fake::new()), chat(true)).await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(answered.header("cache-control"), "no-store");
    assert_eq!(answered.header("x-request-id").len(), 16);
    let events = events(&answered.body);
    let [role, hel, lo, _finish, done] = events.as_slice() else { panic!("not {events:?}") };
    assert_eq!([content(role), content(hel), content(lo)], ["", "hel", "lo"]);
    assert_eq!(done, "[DONE]");
}

#[tokio::test]
async fn a_request_without_a_model_gets_the_default_one() {
    let fake = Fake::new();
    let watcher = fake.watcher();
    let mut config = Config::default();
    config.models.default = "some/model".into();
    let edge = Edge::new(fake, policy_of(&config));
    let body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    let answered = ask(&edge, with_json(request("POST", "/v1/chat/completions"), &body)).await;
    assert_eq!(answered.json()["model"], "some/model");
    assert_eq!(watcher.asked()[0].model, "some/model");
}

#[tokio::test]
async fn the_provider_gets_the_request_its_deadline_and_its_trace() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for stream in [false, true] {
        let fake = Fake::new();
        let watcher = fake.watcher();
        let mut request = chat(stream);
        request.headers_mut().insert("traceparent", trace.parse().expect("a header"));
        ask(&edge(fake), request).await;
        let asked = watcher.asked().remove(0);
        assert_eq!(asked.model, "echo/echo");
        assert_eq!(asked.request.messages[0].joined_text(), "hi");
        assert_eq!(asked.options.trace.to_traceparent().as_deref(), Some(trace));
        assert!(asked.options.deadline.is_some());
    }
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_a_400_with_its_place() {
    let edge = edge(Fake::new());
    let body = Body::from("{\"messages\": [}");
    let request = request("POST", "/v1/chat/completions").body(body).expect("a request");
    let answered = ask(&edge, request).await;
    assert_eq!(answered.fault(), (400, "LDR-CHAT-JSON".into()));
    let message = answered.json()["error"]["message"].to_string();
    assert!(message.contains("line 1 column 15"), "{message}");
}

#[tokio::test]
async fn what_fails_before_the_first_event_is_an_ordinary_error() {
    let limited = Failure {
        retry_after: Some(Duration::from_millis(2100)),
        origin: "plugin:openai".into(),
        ..Failure::new(class::EXHAUSTED, "rate_limited", "slow down")
    };
    for script in [Script::Fail(limited.clone()), Script::Events(vec![Err(limited)])] {
        let answered = ask(&edge(Fake::answering(script)), chat(true)).await;
        assert_eq!(answered.fault(), (429, "rate_limited".into()));
        assert_eq!(answered.header("retry-after"), "3");
        assert_eq!(answered.header("content-type"), "application/json");
    }
    let answered = ask(&edge(Fake::answering(Script::Fail(failed_upstream()))), chat(false)).await;
    assert_eq!(answered.fault(), (502, "upstream_failed".into()));
}

#[tokio::test]
async fn a_stream_that_ends_before_it_began_is_a_502() {
    let fake = Fake::answering(Script::Events(Vec::new()));
    drop(fake.further());
    let answered = ask(&edge(fake), chat(true)).await;
    assert_eq!(answered.fault(), (502, "upstream_cut_off".into()));
}

#[tokio::test]
async fn what_fails_later_is_an_error_event_and_a_broken_connection() {
    let fake = Fake::answering(Script::Events(vec![Ok(text("hel")), Err(failed_upstream())]));
    let response = edge(fake).answer(PEER, chat(true)).await;
    assert_eq!(response.status(), 200, "it had begun");
    let (events, end) = read_to_the_end(response).await;
    let [role, hel, error] = events.as_slice() else { panic!("not {events:?}") };
    assert_eq!([content(role), content(hel)], ["", "hel"]);
    let error: Value = serde_json::from_str(error).expect("JSON");
    assert_eq!(error["error"]["code"], "upstream_failed");
    assert_eq!(error["error"]["loader"]["origin"], "plugin:openai");
    assert!(end.is_err(), "the transfer must not look complete");
}

#[tokio::test]
async fn a_stream_that_stops_without_finish_is_broken_too() {
    let fake = Fake::answering(Script::Events(vec![Ok(text("hel"))]));
    drop(fake.further());
    let (events, end) = read_to_the_end(edge(fake).answer(PEER, chat(true)).await).await;
    assert!(events.last().is_some_and(|event| event.contains("upstream_cut_off")), "{events:?}");
    assert!(end.is_err());
}

/// The events that came, and whether the body ended properly.
async fn read_to_the_end(
    response: axum::response::Response,
) -> (Vec<String>, Result<(), axum::Error>) {
    let mut body = response.into_body();
    let mut read = Vec::new();
    let end = loop {
        match body.frame().await {
            Some(Ok(frame)) => read.extend_from_slice(&frame.into_data().expect("data")),
            Some(Err(error)) => break Err(error),
            None => break Ok(()),
        }
    };
    (events(&read), end)
}

#[tokio::test]
async fn events_are_sent_as_they_come() {
    let fake = Fake::answering(Script::Events(Vec::new()));
    let further = fake.further();
    let edge = edge(fake);
    further.send(Ok(text("one"))).expect("the stream listens");
    let mut body = edge.answer(PEER, chat(true)).await.into_body();
    let mut next = async || {
        let frame = body.frame().await?.expect("a frame").into_data().expect("data");
        Some(String::from_utf8(frame.to_vec()).expect("UTF-8"))
    };
    assert!(next().await.is_some_and(|frame| frame.contains("one")));
    further.send(Ok(text("two"))).expect("the stream listens");
    assert!(next().await.is_some_and(|frame| frame.contains("two")));
    further.send(Ok(finish())).expect("the stream listens");
    assert!(next().await.is_some_and(|frame| frame.ends_with("data: [DONE]\n\n")));
    assert_eq!(next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_begins_is_a_504() {
    let answered = ask(&edge(Fake::answering(Script::Never)), chat(true)).await;
    assert_eq!(answered.fault(), (504, "LDR-CALL-DEADLINE".into()));
    assert_eq!(answered.json()["error"]["type"], "timeout_error");
}

#[tokio::test]
async fn a_client_that_drops_the_body_cancels_the_provider() {
    let fake = Fake::answering(Script::Events(vec![Ok(text("hel"))]));
    let mut watcher = fake.watcher();
    let edge = edge(fake);
    let response = edge.answer(PEER, chat(true)).await;
    watcher.until_running(1).await;
    drop(response);
    watcher.until_running(0).await;
}

#[tokio::test]
async fn a_finished_stream_lets_go_of_the_provider() {
    let fake = Fake::new();
    let mut watcher = fake.watcher();
    let edge = edge(fake);
    let answered = Answered::read(edge.answer(PEER, chat(true)).await).await;
    assert_eq!(answered.status, 200);
    watcher.until_running(0).await;
}

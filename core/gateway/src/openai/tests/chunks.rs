//! Streamed answers.

use loader_contract::text_inference::{FinishReason, StreamEvent, Usage};
use serde_json::{Value, json};

use super::{heading, parse};
use crate::openai::{Chunks, Complaint};

/// Every event's data in order; `[DONE]` is a text, all else JSON.
fn written(include_usage: bool, events: &[StreamEvent]) -> Vec<Value> {
    let mut chunks = Chunks::new(heading(), include_usage);
    let out: Vec<u8> = events.iter().flat_map(|event| chunks.write(event)).collect();
    data(&out)
}

fn data(out: &[u8]) -> Vec<Value> {
    let out = std::str::from_utf8(out).expect("UTF-8");
    let Some(out) = out.strip_suffix("\n\n") else { return Vec::new() };
    let events = out.split("\n\n").map(|event| {
        let data = event.strip_prefix("data: ").expect("an event has data only");
        assert!(!data.contains('\n'));
        if data == "[DONE]" { json!(data) } else { parse(data.as_bytes()) }
    });
    events.collect()
}

fn chunk(delta: &Value, finish_reason: &Value) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "echo/echo",
        "choices": [
            { "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason },
        ],
    })
}

fn text(text: &str) -> StreamEvent {
    StreamEvent::Text { text: text.into() }
}

fn finish(usage: Option<Usage>) -> StreamEvent {
    StreamEvent::Finish { reason: FinishReason::Stop, usage }
}

#[test]
fn the_role_comes_first_and_done_last() {
    assert_eq!(
        written(false, &[text("hel"), text(""), text("lo\n\n"), finish(None)]),
        [
            chunk(&json!({ "role": "assistant", "content": "" }), &json!(null)),
            chunk(&json!({ "content": "hel" }), &json!(null)),
            chunk(&json!({ "content": "lo\n\n" }), &json!(null)),
            chunk(&json!({}), &json!("stop")),
            json!("[DONE]"),
        ]
    );
}

#[test]
fn tool_calls_come_in_pieces() {
    let call = |index, id: &str, name: &str, arguments: &str| StreamEvent::ToolCall {
        index,
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    };
    let finish = StreamEvent::Finish { reason: FinishReason::ToolCalls, usage: None };
    let events = [
        call(0, "call_1", "add", ""),
        call(0, "", "", "{\"a\""),
        call(1, "call_2", "sub", "{}"),
        finish,
    ];
    assert_eq!(
        written(false, &events),
        [
            chunk(&json!({ "role": "assistant", "content": null }), &json!(null)),
            chunk(
                &json!({ "tool_calls": [{ "index": 0, "id": "call_1", "type": "function",
                    "function": { "name": "add", "arguments": "" } }] }),
                &json!(null)
            ),
            chunk(
                &json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"a\"" } }] }),
                &json!(null)
            ),
            chunk(
                &json!({ "tool_calls": [{ "index": 1, "id": "call_2", "type": "function",
                    "function": { "name": "sub", "arguments": "{}" } }] }),
                &json!(null)
            ),
            chunk(&json!({}), &json!("tool_calls")),
            json!("[DONE]"),
        ]
    );
}

#[test]
fn usage_comes_last_and_only_when_asked_for() {
    let usage = Some(Usage { input_tokens: 3, output_tokens: 4 });
    let asked = written(true, &[text("a"), finish(usage)]);
    let [first, .., last, done] = asked.as_slice() else { panic!("too few events") };
    assert_eq!(first["usage"], Value::Null);
    assert!(first.as_object().is_some_and(|chunk| chunk.contains_key("usage")));
    assert_eq!(last["choices"], json!([]));
    assert_eq!(
        last["usage"],
        json!({ "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7 })
    );
    assert_eq!(*done, json!("[DONE]"));

    for events in [written(false, &[finish(usage)]), written(true, &[finish(None)])] {
        assert!(events.iter().all(|event| event["choices"] != json!([])), "{events:?}");
    }
}

#[test]
fn an_answer_of_nothing_still_has_its_role() {
    assert_eq!(
        written(false, &[finish(None)]),
        [
            chunk(&json!({ "role": "assistant", "content": "" }), &json!(null)),
            chunk(&json!({}), &json!("stop")),
            json!("[DONE]"),
        ]
    );
}

#[test]
fn an_event_from_the_future_says_nothing() {
    assert_eq!(written(false, &[StreamEvent::Unknown]), Vec::<Value>::new());
}

#[test]
fn a_failure_is_an_error_event_without_done() {
    let failure = loader_core::message::Failure::deadline();
    let events = data(&Chunks::write_failure(&Complaint::from(failure)));
    let [event] = events.as_slice() else { panic!("one event, not {events:?}") };
    assert_eq!(event["error"]["code"], "deadline_exceeded");
    assert_eq!(event["error"]["loader"]["code"], "LDR-CALL-DEADLINE");
}

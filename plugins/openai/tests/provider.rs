//! The whole plugin, called over the boundary by a scripted host: see `provider/host.rs`.

#[path = "provider/host.rs"]
mod host;
#[path = "provider/rig.rs"]
mod rig;

use host::{Act, Sent, Step};
use loader_sdk::{
    abi::class,
    contract::{
        health::HealthStatus,
        text_inference::{FinishReason, StreamEvent, Usage},
    },
};
use rig::*;
use serde_json::json;
use std::time::Duration;

fn finish(reason: FinishReason, usage: Option<Usage>) -> StreamEvent {
    StreamEvent::Finish { reason, usage }
}

// What is asked.

#[test]
fn a_stream_is_asked_for_as_openai_wants_it() {
    let rig = rig_with(
        json!({ "organization": "org", "headers": { "X-Team": "a" } }),
        vec![good_stream()],
    );
    rig.stream().end.expect("a good stream");
    let request = rig.host.script().requests[0].clone();
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    assert_eq!(header(":method"), Some("POST"));
    assert_eq!(header(":url"), Some("http://127.0.0.1:1/v1/chat/completions"));
    assert_eq!(header("authorization"), Some("Bearer sk-canary"));
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("accept"), Some("text/event-stream"));
    assert_eq!(header("openai-organization"), Some("org"));
    assert_eq!(header("x-team"), Some("a"));
    assert_eq!(header(":timeout-ms"), Some("60000"));
    let expected = json!({
        "model": "m",
        "messages": [{ "role": "user", "content": "private words" }],
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    assert_eq!(request.json(), expected);
}

#[test]
fn a_key_by_name_is_fetched_for_every_call() {
    let settings = json!({ "api_key": "secret:openai" });
    let rig = rig_with(settings, vec![good_answer(), good_answer()]);
    for key in ["one", "two\n"] {
        rig.host.script().secrets.insert("openai".into(), key.into());
        rig.generate().expect("a good answer");
    }
    let sent: Vec<_> =
        rig.host.script().requests.iter().map(|r| r.headers["authorization"].clone()).collect();
    assert_eq!(sent, ["Bearer one", "Bearer two"]);
}

#[test]
fn no_key_means_no_authorization() {
    let rig = rig_with(json!({ "api_key": "" }), vec![good_answer()]);
    rig.generate().expect("a good answer");
    assert!(!rig.host.script().requests[0].headers.contains_key("authorization"));
}

#[test]
fn a_key_that_is_not_there_is_told_without_asking_the_server() {
    for secret in [None, Some(" \n"), Some("a\nb")] {
        let rig = rig_with(json!({ "api_key": "secret:openai" }), vec![]);
        let secret = secret.map(|secret| ("openai".to_owned(), secret.to_owned()));
        rig.host.script().secrets.extend(secret);
        let error = rig.generate().expect_err("no key");
        assert_eq!((error.class, error.code.as_str()), (class::UNAVAILABLE, "not_configured"));
        assert!(error.hint.contains("[secrets.openai]"), "{}", error.hint);
        assert_eq!(rig.health().status, HealthStatus::Warn);
    }
}

#[test]
fn a_configuration_that_cannot_work_keeps_the_plugin_from_starting() {
    let error = try_rig(json!({ "base_url": "localhost" })).err().expect("no scheme");
    assert_eq!((error.class, error.code.as_str()), (class::INVALID, "LDR-CONFIG-PLUGIN"));
    assert!(!error.hint.is_empty());
}

// What is answered.

#[test]
fn a_stream_is_passed_on_and_finishes_once_with_its_usage() {
    let usage =
        event(&json!({ "choices": [], "usage": { "prompt_tokens": 2, "completion_tokens": 1 } }));
    let steps =
        vec![text_event("he"), text_event("llo"), stop_event(), usage, done(), stop_event()];
    let streamed = rig(vec![events(steps)]).stream();
    assert!(streamed.end.is_ok() && streamed.accepted);
    assert_eq!(streamed.text(), "hello");
    assert_eq!(streamed.finishes(), 1);
    let usage = Some(Usage { input_tokens: 2, output_tokens: 1 });
    assert_eq!(streamed.events.last(), Some(&finish(FinishReason::Stop, usage)));
}

#[test]
fn a_stream_cut_at_every_byte_says_the_same() {
    let whole = "data: {\"choices\":[{\"delta\":{\"content\":\"é😀\"}}]}\r\n\r\n: ping\n\
                 data: {\"choices\":[{\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
    let steps = whole.bytes().map(|byte| Step::Send(vec![byte])).collect();
    let streamed = rig(vec![events(steps)]).stream();
    let expected = [StreamEvent::Text { text: "é😀".into() }, finish(FinishReason::Length, None)];
    assert_eq!(streamed.events, expected);
}

#[test]
fn a_streamed_tool_call_arrives_in_pieces() {
    let piece = |call| event(&json!({ "choices": [{ "delta": { "tool_calls": [call] } }] }));
    let steps = vec![
        piece(
            json!({ "index": 0, "id": "a", "type": "function", "function": { "name": "f", "arguments": "" } }),
        ),
        piece(json!({ "index": 0, "function": { "arguments": "{}" } })),
        stop_event(),
        done(),
    ];
    let call = |id: &str, name: &str, arguments: &str| StreamEvent::ToolCall {
        index: 0,
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    };
    let expected = [call("a", "f", ""), call("", "", "{}"), finish(FinishReason::ToolCalls, None)];
    assert_eq!(rig(vec![events(steps)]).stream().events, expected);
}

#[test]
fn a_plain_answer_to_a_streamed_request_is_the_whole_answer() {
    let streamed = rig(vec![good_answer()]).stream();
    let usage = Some(Usage { input_tokens: 2, output_tokens: 1 });
    let expected = [StreamEvent::Text { text: "hello".into() }, finish(FinishReason::Stop, usage)];
    assert_eq!(streamed.events, expected);
}

#[test]
fn a_whole_answer_is_asked_for_and_read() {
    let rig = rig(vec![good_answer()]);
    let response = rig.generate().expect("a good answer");
    assert_eq!(response.message.joined_text(), "hello");
    assert_eq!(response.finish, FinishReason::Stop);
    assert_eq!(response.model, "m-2");
    assert_eq!(rig.host.script().requests[0].json()["stream"], json!(false));
}

#[test]
fn an_answer_of_three_mebibytes_arrives_whole() {
    let delta = "0123456789abcdef".repeat(4096);
    let mut steps: Vec<_> = (0..48).map(|_| text_event(&delta)).collect();
    steps.extend([stop_event(), done()]);
    let streamed = rig(vec![events(steps)]).stream();
    assert_eq!(streamed.text().len(), 3 << 20);
    assert_eq!(streamed.finishes(), 1);
}

// What goes wrong.

#[test]
fn a_stream_that_ends_too_early_is_an_error_and_never_a_finish() {
    for end in [vec![], vec![Step::Break]] {
        let steps = [vec![text_event("he")], end].into_iter().flatten().collect();
        let rig = rig(vec![events(steps)]);
        let streamed = rig.stream();
        assert_eq!((streamed.text().as_str(), streamed.finishes()), ("he", 0));
        let error = streamed.error();
        assert_eq!((error.class, error.code.as_str()), (class::UNAVAILABLE, "upstream_cut_off"));
        assert_eq!(rig.host.script().requests.len(), 1, "what was said cannot be said again");
    }
}

#[test]
fn a_stream_that_breaks_before_it_said_anything_is_tried_again() {
    let rig = rig(vec![events(vec![Step::Break]), good_stream()]);
    let streamed = rig.stream();
    assert_eq!(streamed.text(), "hello");
    assert_eq!(rig.host.script().requests.len(), 2);
}

#[test]
fn a_complete_answer_is_not_spoilt_by_what_comes_after() {
    for end in [vec![], vec![Step::Break], vec![Step::Hang]] {
        let steps = [vec![text_event("he"), stop_event()], end].into_iter().flatten().collect();
        let rig = rig(vec![events(steps)]);
        let streamed = rig.stream();
        assert!(streamed.end.is_ok());
        assert_eq!(streamed.finishes(), 1);
        assert!(rig.host.script().elapsed_ms <= 5000, "nobody waits long for an end mark");
    }
}

#[test]
fn a_server_that_goes_silent_is_a_timeout_at_each_stage() {
    let settings = json!({ "idle_timeout_ms": 1234 });
    for (act, waited) in [
        (Act::Silent, 0),
        (events(vec![Step::Hang]), 1234),
        (events(vec![text_event("he"), Step::Hang]), 1234),
    ] {
        let rig = rig_with(settings.clone(), vec![act]);
        let error = rig.stream().error();
        assert_eq!((error.class, error.code.as_str()), (class::DEADLINE, "upstream_timeout"));
        assert_eq!(rig.host.script().elapsed_ms, waited);
    }
    let headers = vec![("content-type", "application/json".to_owned())];
    let act =
        Act::Respond { status: 200, headers, steps: vec![Step::Send(b"{".to_vec()), Step::Hang] };
    let error = rig_with(settings, vec![act]).generate().expect_err("half an answer");
    assert_eq!(error.code, "upstream_timeout");
}

#[test]
fn an_error_inside_a_stream_is_mapped_like_a_status() {
    for (error, code) in [
        (
            json!({ "message": "slow down", "type": "requests", "code": "rate_limit_exceeded" }),
            "rate_limited",
        ),
        (json!({ "message": "oh", "type": "server_error" }), "upstream_failed"),
        (json!({ "message": "too long", "type": "invalid_request_error" }), "invalid_request"),
    ] {
        let rig =
            rig(vec![events(vec![text_event("he"), event(&json!({ "error": error })), done()])]);
        let streamed = rig.stream();
        assert_eq!(streamed.finishes(), 0);
        assert_eq!(streamed.error().code, code);
    }
    let named = Step::Send(b"event: error\ndata: {\"message\":\"oh\"}\n\n".to_vec());
    assert_eq!(
        rig(vec![events(vec![text_event("he"), named])]).stream().error().code,
        "upstream_failed"
    );
}

#[test]
fn what_makes_no_sense_is_garbled_and_not_quoted() {
    let garbage = || Step::Send(b"data: {\"choices\": [ canary\n\n".to_vec());
    let huge = Step::Send([b"data: ", vec![b'x'; 2 << 20].as_slice()].concat());
    for steps in [vec![garbage()], vec![text_event("he"), garbage()], vec![huge]] {
        let error = rig(vec![events(steps)]).stream().error();
        assert_eq!((error.class, error.code.as_str()), (class::UNAVAILABLE, "upstream_garbled"));
        assert!(!error.message.contains("canary"), "{}", error.message);
    }
    for body in ["", "{\"choices\": [", "\"hi\"", "{}", "<html>canary</html>"] {
        let steps = vec![Step::Send(body.into())];
        let act = Act::Respond { status: 200, headers: vec![], steps };
        let error = rig(vec![act]).generate().expect_err(body);
        assert_eq!(error.code, "upstream_garbled", "{body}");
    }
}

#[test]
fn a_whole_answer_has_a_limit() {
    let steps = (0..9).map(|_| Step::Send(vec![b' '; 1 << 20])).collect();
    let act = Act::Respond { status: 200, headers: vec![], steps };
    assert_eq!(rig(vec![act]).generate().expect_err("9 MiB").code, "upstream_garbled");
}

#[test]
fn a_consumer_that_goes_away_ends_the_exchange_without_another_try() {
    let rig = rig(vec![good_stream()]);
    let streamed = rig.stream_to(Sent { patience: Some(2), ..Sent::default() });
    assert_eq!(streamed.events.len(), 1);
    assert_eq!(streamed.error().class, class::CANCELLED);
    assert_eq!(rig.health().status, HealthStatus::Pass);
}

#[test]
fn the_servers_sentence_is_passed_on_but_never_the_key() {
    let complaint =
        json!({ "error": { "message": "your key sk-canary and x-secret-value are odd" } });
    for status in [400, 401, 403, 404, 422, 500] {
        let settings = json!({ "max_retries": 0, "headers": { "x-key": "x-secret-value" } });
        let rig = rig_with(settings, vec![answer(status, &complaint)]);
        let error = rig.generate().expect_err("a complaint");
        let report = rig.health();
        let told = format!("{error:?} {report:?} {}", rig.host.script().log);
        assert!(!told.contains("canary") && !told.contains("x-secret-value"), "{told}");
        assert_eq!(error.message.contains("your key [secret] and [secret] are odd"), status != 401);
    }
}

#[test]
fn nothing_of_a_conversation_is_logged() {
    let rig = rig(vec![good_stream(), good_answer()]);
    rig.stream().end.expect("a good stream");
    rig.generate().expect("a good answer");
    let log = rig.host.script().log.clone();
    assert!(log.contains("asked for a stream"), "{log}");
    for private in ["private", "hello", "canary"] {
        assert!(!log.contains(private), "{log}");
    }
}

// Trying again.

#[test]
fn a_busy_server_is_asked_again_when_it_said() {
    // The clock begins with that year, and four seconds of it have passed.
    let date = vec![("retry-after", "Thu, 01 Jan 2026 00:00:09 GMT".to_owned())];
    let rig = rig(vec![
        refusal(429, vec![("retry-after", "4".to_owned())]),
        refusal(503, date),
        good_stream(),
    ]);
    assert_eq!(rig.stream().text(), "hello");
    assert_eq!(rig.host.script().sleeps, [4000, 5000]);
}

#[test]
fn every_passing_trouble_is_tried_again_and_nothing_else() {
    for status in [429, 500, 502, 503, 504] {
        let rig = rig(vec![refusal(status, vec![]), good_answer()]);
        rig.generate().unwrap_or_else(|error| panic!("{status} is tried again: {error:?}"));
    }
    let rig = rig(vec![Act::Unreachable, good_answer()]);
    rig.generate().expect("a second try");
    for status in [400, 401, 403, 404, 422, 501] {
        let rig = rig_with(json!({}), vec![refusal(status, vec![])]);
        rig.generate().expect_err("a refusal for good");
        assert_eq!(rig.host.script().requests.len(), 1);
    }
}

#[test]
fn the_last_error_is_told_with_its_retry_after() {
    let limited = || {
        let headers = vec![("retry-after", "2".to_owned())];
        answer_with(429, headers, &json!({ "error": { "message": "slow down" } }))
    };
    let rig = rig(vec![limited(), limited(), limited()]);
    let streamed = rig.stream();
    assert!(!streamed.accepted, "an error before the first event is the call's own");
    let error = streamed.error();
    assert_eq!((error.class, error.code.as_str()), (class::EXHAUSTED, "rate_limited"));
    assert_eq!(error.retry_after_ms.into_option(), Some(2000));
    assert_eq!(error.message, "the server limits the rate or the quota (status 429): slow down");
    assert_eq!(rig.host.script().sleeps.len(), 2);
}

#[test]
fn waits_back_off_with_jitter() {
    let rig = rig_with(json!({ "max_retries": 5 }), (0..6).map(|_| Act::Unreachable).collect());
    assert_eq!(rig.generate().expect_err("never there").code, "upstream_unreachable");
    let sleeps = rig.host.script().sleeps.clone();
    assert_eq!(sleeps.len(), 5);
    for (number, sleep) in sleeps.iter().enumerate() {
        let whole = 500 << number.min(4);
        assert!((whole / 2..=whole).contains(sleep), "{sleeps:?}");
    }
    assert!(sleeps.iter().any(|sleep| sleep % 250 != 0), "{sleeps:?} has jitter");
}

#[test]
fn no_wait_outlasts_the_caller() {
    let headers = vec![("retry-after", "20".to_owned())];
    let mut rig = rig(vec![refusal(429, headers)]);
    rig.patience = Some(Duration::from_secs(19));
    let error = rig.generate().expect_err("no time");
    assert_eq!(error.retry_after_ms.into_option(), Some(20_000));
    assert_eq!(rig.host.script().sleeps, [] as [u64; 0]);
}

// Models and health.

#[test]
fn the_servers_models_are_remembered_for_five_minutes() {
    let list = |id: &str| answer(200, &json!({ "object": "list", "data": [{ "id": id }] }));
    let rig = rig(vec![list("a"), list("b")]);
    let ids = || {
        rig.models().map(|list| list.models.into_iter().map(|model| model.id).collect::<Vec<_>>())
    };
    assert_eq!(ids().expect("a list"), ["a"]);
    rig.host.script().elapsed_ms = 299_999;
    assert_eq!(ids().expect("a list"), ["a"]);
    rig.host.script().elapsed_ms = 300_000;
    assert_eq!(ids().expect("a list"), ["b"]);
    assert_eq!(rig.host.script().requests[0].headers[":url"], "http://127.0.0.1:1/v1/models");
}

#[test]
fn configured_models_stand_in_for_a_server_that_lists_none() {
    let settings = json!({ "models": ["x", "y"] });
    for (act, asked_twice) in
        [(refusal(404, vec![]), false), (refusal(500, vec![]), true), (Act::Unreachable, true)]
    {
        let rig = rig_with(settings.clone(), vec![act, refusal(500, vec![])]);
        for _ in 0..2 {
            let ids: Vec<_> =
                rig.models().expect("a list").models.into_iter().map(|model| model.id).collect();
            assert_eq!(ids, ["x", "y"]);
        }
        assert_eq!(rig.host.script().requests.len() == 2, asked_twice);
    }
    assert_eq!(
        rig(vec![refusal(404, vec![])]).models().expect_err("none at all").code,
        "model_not_found"
    );
}

#[test]
fn health_tells_of_the_last_exchange_and_asks_nobody() {
    let rig = rig_with(
        json!({ "max_retries": 0 }),
        vec![refusal(500, vec![]), refusal(400, vec![]), good_answer()],
    );
    assert_eq!(rig.health().status, HealthStatus::Pass);
    rig.generate().expect_err("it fails");
    let report = rig.health();
    assert_eq!(report.status, HealthStatus::Warn);
    assert_eq!(report.output, "the last request failed: the server failed (status 500)");
    assert_eq!(report.details["code"], "upstream_failed");
    rig.generate().expect_err("a wrong request says nothing of the server");
    assert_eq!(rig.health(), report);
    rig.generate().expect("it works again");
    assert_eq!(rig.health().status, HealthStatus::Pass);
    assert_eq!(rig.host.script().requests.len(), 3);
}

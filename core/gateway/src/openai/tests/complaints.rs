//! Failures as OpenAI's clients see them.

use std::time::Duration;

use loader_abi::class;
use loader_core::message::Failure;
use serde_json::json;

use super::parse;
use crate::openai::Complaint;

fn by_plugin(class: u32, code: &str) -> Failure {
    Failure { origin: "plugin:openai".into(), ..Failure::new(class, code, "because") }
}

#[test]
fn every_class_has_its_status_code_and_type() {
    let host = |class, code: &str| Failure::new(class, code, "because");
    let plugin = by_plugin;
    for (failure, status, code, kind) in [
        (
            plugin(class::INVALID, "invalid_request"),
            400,
            "invalid_request",
            "invalid_request_error",
        ),
        (plugin(class::FORBIDDEN, "not_yours"), 403, "not_yours", "permission_error"),
        (plugin(class::NOT_FOUND, "model_not_found"), 404, "model_not_found", "not_found_error"),
        (plugin(class::CONFLICT, "exists"), 409, "exists", "invalid_request_error"),
        (plugin(class::EXHAUSTED, "rate_limited"), 429, "rate_limited", "rate_limit_error"),
        (host(class::EXHAUSTED, "LDR-CALL-BUSY"), 429, "rate_limit_exceeded", "rate_limit_error"),
        (
            host(class::EXHAUSTED, "LDR-CALL-TOO-LARGE"),
            413,
            "request_too_large",
            "invalid_request_error",
        ),
        (plugin(class::UNAVAILABLE, "upstream_failed"), 502, "upstream_failed", "server_error"),
        (host(class::UNAVAILABLE, "upstream_cut_off"), 502, "upstream_cut_off", "server_error"),
        (host(class::UNAVAILABLE, "LDR-CALL-BREAKER"), 503, "unavailable", "server_error"),
        (host(class::DEADLINE, "LDR-CALL-DEADLINE"), 504, "deadline_exceeded", "timeout_error"),
        (plugin(class::DEADLINE, "upstream_timeout"), 504, "upstream_timeout", "timeout_error"),
        (host(class::CANCELLED, "LDR-CALL-CANCELLED"), 499, "cancelled", "invalid_request_error"),
        (plugin(class::CANCELLED, "stopping"), 503, "stopping", "server_error"),
        (
            host(class::UNIMPLEMENTED, "LDR-CALL-UNIMPLEMENTED"),
            501,
            "unimplemented",
            "server_error",
        ),
        (host(class::PANIC, "LDR-CALL-PANIC"), 500, "internal_error", "server_error"),
        (plugin(class::INTERNAL, "oops"), 500, "oops", "server_error"),
        (plugin(4711, "from_the_future"), 500, "from_the_future", "server_error"),
    ] {
        let ours = failure.code.clone();
        let complaint = Complaint::from(failure);
        let error = parse(&complaint.to_json())["error"].take();
        assert_eq!(complaint.status(), status, "{ours}");
        assert_eq!((&error["code"], &error["type"]), (&json!(code), &json!(kind)), "{ours}");
        assert_eq!(error["loader"]["code"], json!(ours));
    }
}

#[test]
fn an_upstream_401_is_a_502_with_a_code_of_its_own() {
    for code in ["upstream_unauthorized", "LDR-CALL-DENIED", "whatever"] {
        let complaint = Complaint::from(by_plugin(class::UNAUTHENTICATED, code));
        assert_eq!(complaint.status(), 502);
        assert_eq!(parse(&complaint.to_json())["error"]["code"], "upstream_unauthorized");
    }
}

#[test]
fn an_error_says_all_there_is_to_say() {
    let failure = by_plugin(class::EXHAUSTED, "rate_limited").hint("wait");
    let complaint = Complaint::from(failure).about("messages");
    assert_eq!(
        parse(&complaint.to_json()),
        json!({ "error": {
            "message": "because",
            "type": "rate_limit_error",
            "code": "rate_limited",
            "param": "messages",
            "loader": {
                "code": "rate_limited", "class": "exhausted", "origin": "plugin:openai", "hint": "wait",
            },
        } })
    );
}

#[test]
fn waiting_times_are_whole_seconds_rounded_up() {
    let after = |retry_after| {
        let failure = Failure { retry_after, ..by_plugin(class::EXHAUSTED, "rate_limited") };
        Complaint::from(failure).retry_after_seconds()
    };
    assert_eq!(after(None), None);
    assert_eq!(after(Some(Duration::from_millis(1))), Some(1));
    assert_eq!(after(Some(Duration::from_millis(1000))), Some(1));
    assert_eq!(after(Some(Duration::from_millis(1001))), Some(2));
}

//! Whole answers and the list of models.

use loader_contract::text_inference::{
    FinishReason, GenerateResponse, Message, Model, Role, ToolCall, Usage,
};
use serde_json::json;

use super::{heading, parse};
use crate::ListedModel;
use crate::openai::{completion, model_list};

#[test]
fn an_answer_is_a_chat_completion() {
    let response = GenerateResponse {
        message: Message::text(Role::Assistant, "hello"),
        finish: FinishReason::Stop,
        usage: Some(Usage { input_tokens: 3, output_tokens: 4 }),
        model: "echo-1".into(),
    };
    assert_eq!(
        parse(&completion(&heading(), &response)),
        json!({
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "echo/echo",
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": "hello", "refusal": null },
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7 },
        })
    );
}

#[test]
fn an_answer_that_only_calls_tools_has_no_content() {
    let call = ToolCall { id: "call_1".into(), name: "add".into(), arguments: "{}".into() };
    let message = Message { role: Role::Assistant, tool_calls: vec![call], ..Message::default() };
    let response =
        GenerateResponse { message, finish: FinishReason::ToolCalls, ..Default::default() };
    let answer = parse(&completion(&heading(), &response));
    assert_eq!(
        answer["choices"][0]["message"],
        json!({ "role": "assistant", "content": null, "refusal": null, "tool_calls": [
            { "id": "call_1", "type": "function", "function": { "name": "add", "arguments": "{}" } },
        ] })
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(answer.get("usage"), None, "nothing is made up");
}

#[test]
fn an_empty_answer_is_an_empty_text() {
    let answer = parse(&completion(&heading(), &GenerateResponse::default()));
    assert_eq!(answer["choices"][0]["message"]["content"], "");
}

#[test]
fn every_reason_to_finish_has_a_word_clients_know() {
    for (reason, word) in [
        (FinishReason::Stop, "stop"),
        (FinishReason::Length, "length"),
        (FinishReason::ToolCalls, "tool_calls"),
        (FinishReason::ContentFilter, "content_filter"),
        (FinishReason::Unknown, "stop"),
    ] {
        let response = GenerateResponse { finish: reason, ..Default::default() };
        let answer = parse(&completion(&heading(), &response));
        assert_eq!(answer["choices"][0]["finish_reason"], word);
    }
}

#[test]
fn models_are_listed_by_their_full_names() {
    let model = ListedModel {
        id: "openai/org/model".into(),
        provider: "openai".into(),
        model: Model { id: "org/model".into(), ..Model::default() },
    };
    assert_eq!(
        parse(&model_list(&[model])),
        json!({ "object": "list", "data": [
            { "id": "openai/org/model", "object": "model", "created": 0, "owned_by": "openai" },
        ] })
    );
    assert_eq!(parse(&model_list(&[])), json!({ "object": "list", "data": [] }));
}

//! What the server answers: a whole `chat.completion`, or one `chat.completion.chunk` of a stream.
//!
//! Both have the same shape but for one name, so one type reads both.

use super::{Content, ToolCall, or_default};
use loader_sdk::contract::text_inference::{
    self as contract, FinishReason, GenerateResponse, Part, Role,
};
use serde::Deserialize;
use serde_json::Value;

/// An answer, or a chunk of one.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answer {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) model: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) choices: Vec<Choice>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) usage: Option<Usage>,
    /// Set when this is no answer but a complaint, whatever the status said.
    #[serde(default)]
    pub(crate) error: Option<Value>,
}

/// One of the answers. We ask for one, so only the first counts.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Choice {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) index: u32,
    /// In a whole answer.
    #[serde(default)]
    message: Option<Said>,
    /// In a chunk.
    #[serde(default)]
    delta: Option<Said>,
    #[serde(default, deserialize_with = "or_default")]
    finish_reason: String,
}

/// What the model says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Said {
    #[serde(default)]
    pub(crate) content: Option<Content>,
    /// Why the model will not answer, said in place of the answer.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) refusal: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) tool_calls: Vec<ToolCall>,
}

/// What it cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Usage {
    #[serde(default, deserialize_with = "or_default")]
    prompt_tokens: u64,
    #[serde(default, deserialize_with = "or_default")]
    completion_tokens: u64,
}

impl From<Usage> for contract::Usage {
    fn from(usage: Usage) -> Self {
        Self { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens }
    }
}

impl Choice {
    /// Why the model stopped; `None` while it has not.
    pub(crate) fn finish(&self) -> Option<FinishReason> {
        match self.finish_reason.as_str() {
            "" => None,
            "stop" => Some(FinishReason::Stop),
            "length" => Some(FinishReason::Length),
            "tool_calls" | "function_call" => Some(FinishReason::ToolCalls),
            "content_filter" => Some(FinishReason::ContentFilter),
            _ => Some(FinishReason::Unknown),
        }
    }

    pub(crate) fn into_said(self) -> Said {
        self.delta.or(self.message).unwrap_or_default()
    }
}

impl Said {
    /// Content and refusal as the contract's parts.
    pub(crate) fn take_parts(&mut self) -> Vec<Part> {
        let mut parts = self.content.take().map(Content::into_parts).unwrap_or_default();
        if !self.refusal.is_empty() {
            parts.push(Part::Text { text: std::mem::take(&mut self.refusal) });
        }
        parts
    }
}

impl Answer {
    /// Reads a whole answer; `None` when nothing was answered.
    pub(crate) fn into_response(self) -> Option<GenerateResponse> {
        let choice = self.choices.into_iter().find(|choice| choice.index == 0)?;
        if choice.message.is_none() && choice.delta.is_none() {
            return None;
        }
        let reason = choice.finish();
        let mut said = choice.into_said();
        let message = contract::Message {
            role: Role::Assistant,
            content: said.take_parts(),
            tool_calls: said.tool_calls.into_iter().map(contract::ToolCall::from).collect(),
            ..contract::Message::default()
        };
        let finish = settle(reason, !message.tool_calls.is_empty());
        Some(GenerateResponse {
            message,
            finish,
            usage: self.usage.map(Into::into),
            model: self.model,
        })
    }
}

/// The reason to report for an answer that is complete. Servers say `stop`, or nothing, of answers
/// that call tools; whoever runs the tools goes by the reason.
pub(crate) fn settle(reason: Option<FinishReason>, calls_tools: bool) -> FinishReason {
    match reason {
        None | Some(FinishReason::Stop) if calls_tools => FinishReason::ToolCalls,
        reason => reason.unwrap_or(FinishReason::Stop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn response(answer: Value) -> Option<GenerateResponse> {
        serde_json::from_value::<Answer>(answer).expect("an answer").into_response()
    }

    #[test]
    fn a_whole_answer_is_read() {
        let response = response(json!({
            "id": "x", "object": "chat.completion", "created": 1, "model": "m-2", "new": [1],
            "choices": [{
                "index": 0, "logprobs": null, "finish_reason": "stop",
                "message": { "role": "assistant", "content": "hi", "refusal": null, "tool_calls": null },
            }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4 },
        }));
        let expected = GenerateResponse {
            message: contract::Message::text(Role::Assistant, "hi"),
            finish: FinishReason::Stop,
            usage: Some(contract::Usage { input_tokens: 3, output_tokens: 1 }),
            model: "m-2".into(),
        };
        assert_eq!(response, Some(expected));
    }

    #[test]
    fn tool_calls_are_read_in_both_spellings_of_their_arguments() {
        let response = response(json!({ "choices": [{
            "finish_reason": "tool_calls",
            "message": { "content": null, "tool_calls": [
                { "id": "a", "type": "function", "function": { "name": "f", "arguments": "{\"x\":1}" } },
                { "id": "b", "function": { "name": "g", "arguments": { "x": 1 } } },
            ] },
        }] }))
        .expect("an answer");
        let call = |id: &str, name: &str| contract::ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: "{\"x\":1}".into(),
        };
        assert_eq!(response.message.tool_calls, [call("a", "f"), call("b", "g")]);
        assert_eq!(response.message.content, []);
        assert_eq!(response.finish, FinishReason::ToolCalls);
    }

    #[test]
    fn content_in_parts_and_a_refusal_are_content() {
        let response = response(json!({ "choices": [{ "message": {
            "content": [
                { "type": "text", "text": "see " },
                { "type": "image_url", "image_url": { "url": "https://host/a.png" } },
                { "type": "hologram", "data": 1 },
            ],
            "refusal": "no",
        } }] }))
        .expect("an answer");
        assert_eq!(
            response.message.content,
            [
                Part::Text { text: "see ".into() },
                Part::Image { url: "https://host/a.png".into() },
                Part::Text { text: "no".into() },
            ]
        );
    }

    #[test]
    fn every_finish_reason_is_known() {
        let finish = |reason: Value| {
            response(json!({ "choices": [{ "message": {}, "finish_reason": reason }] }))
                .map(|response| response.finish)
        };
        assert_eq!(finish(json!("stop")), Some(FinishReason::Stop));
        assert_eq!(finish(json!("length")), Some(FinishReason::Length));
        assert_eq!(finish(json!("function_call")), Some(FinishReason::ToolCalls));
        assert_eq!(finish(json!("content_filter")), Some(FinishReason::ContentFilter));
        assert_eq!(finish(json!("tired")), Some(FinishReason::Unknown));
        assert_eq!(finish(json!(null)), Some(FinishReason::Stop));
    }

    #[test]
    fn stopping_to_call_a_tool_is_told_as_such() {
        assert_eq!(settle(Some(FinishReason::Stop), true), FinishReason::ToolCalls);
        assert_eq!(settle(None, true), FinishReason::ToolCalls);
        assert_eq!(settle(Some(FinishReason::Length), true), FinishReason::Length);
    }

    #[test]
    fn an_answer_without_a_choice_is_none() {
        for answer in [json!({}), json!({ "choices": null }), json!({ "choices": [{}] })] {
            assert_eq!(response(answer), None);
        }
    }

    #[test]
    fn a_conversation_survives_the_way_to_the_wire_and_back() {
        use crate::wire::request::{ChatRequest, Delivery, TokenLimit};
        let message = contract::Message {
            role: Role::Assistant,
            content: vec![
                Part::Text { text: "see".into() },
                Part::Image { url: "data:image/png;base64,AAAA".into() },
            ],
            tool_calls: vec![contract::ToolCall {
                id: "a".into(),
                name: "f".into(),
                arguments: "{\"x\": not json".into(),
            }],
            ..contract::Message::default()
        };
        let request =
            contract::GenerateRequest { messages: vec![message.clone()], ..Default::default() };
        let request = ChatRequest::new(request, Delivery::Whole, TokenLimit::MaxTokens);
        let request = serde_json::to_value(request.expect("known parts")).expect("JSON");
        let back = response(json!({ "choices": [{ "message": request["messages"][0] }] }));
        assert_eq!(back.map(|back| back.message), Some(message));
    }
}

//! A whole answer as a `chat.completion`.

use loader_contract::text_inference::{self as contract, FinishReason, GenerateResponse};
use serde::Serialize;

use super::to_json;

/// What every part of an answer begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// The answer's id.
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The model as the client named it.
    pub model: String,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    /// `null` when the message only calls tools.
    content: Option<String>,
    refusal: (),
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// What an answer cost.
#[derive(Serialize)]
pub(super) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl From<contract::Usage> for Usage {
    fn from(usage: contract::Usage) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
        }
    }
}

/// Writes a whole answer.
pub fn completion(heading: &Heading, response: &GenerateResponse) -> Vec<u8> {
    let calls = response.message.tool_calls.iter();
    let tool_calls: Vec<_> = calls.map(ToolCall::from).collect();
    let text = response.message.joined_text();
    let content = if text.is_empty() && !tool_calls.is_empty() { None } else { Some(text) };
    to_json(&Completion {
        id: &heading.id,
        object: "chat.completion",
        created: heading.created,
        model: &heading.model,
        choices: [Choice {
            index: 0,
            message: Message { role: "assistant", content, refusal: (), tool_calls },
            logprobs: (),
            finish_reason: finish_reason(response.finish),
        }],
        usage: response.usage.map(Usage::from),
    })
}

impl<'a> From<&'a contract::ToolCall> for ToolCall<'a> {
    fn from(call: &'a contract::ToolCall) -> Self {
        let function = Function { name: &call.name, arguments: &call.arguments };
        Self { id: &call.id, kind: "function", function }
    }
}

/// OpenAI's word for why the model stopped.
pub(super) fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        // Clients accept only the reasons they know.
        FinishReason::Stop | FinishReason::Unknown => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
    }
}

//! What a well-behaved model says to a request, and its two forms on the wire.
//!
//! The answer depends on the request alone: with tools and a user's message last it is a call of the
//! first tool; with a tool's result last it quotes the result; else it repeats the user's words.

use serde_json::{Map, Value, json};

use super::request::{ChatRequest, Function};

/// The answer of the well-behaved model.
pub(super) enum Answer {
    Text(String),
    ToolCall { name: String, arguments: String },
}

/// Identifies the only tool call of an answer.
const TOOL_CALL_ID: &str = "call_1";
/// The expression that stands in when the user's message holds none.
const DEFAULT_EXPRESSION: &str = "6*7";
/// In how many deltas, at least, the arguments of a streamed tool call arrive.
const ARGUMENT_DELTAS: usize = 4;

impl Answer {
    /// Answers a request.
    pub(super) fn to(request: &ChatRequest) -> Self {
        let last = request.messages.last();
        let text = last.map(|message| message.text()).unwrap_or_default();
        if last.is_some_and(|message| message.role == "tool") {
            return Self::Text(format!("The tool answered: {text}"));
        }
        match request.tools.first() {
            Some(tool) if request.tool_choice != "none" => Self::ToolCall {
                name: tool.function.name.clone(),
                arguments: arguments_for(&tool.function, &text).to_string(),
            },
            _ => Self::Text(format!("You said: {text}")),
        }
    }

    /// The answer as one `chat.completion` object.
    pub(super) fn completion(&self, request: &ChatRequest) -> Value {
        let message = match self {
            Self::Text(text) => json!({ "role": "assistant", "content": text }),
            Self::ToolCall { name, arguments } => json!({
                "role": "assistant",
                "content": null,
                "tool_calls": [{
                    "id": TOOL_CALL_ID,
                    "type": "function",
                    "function": { "name": name, "arguments": arguments },
                }],
            }),
        };
        json!({
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": request.model,
            "choices": [{ "index": 0, "message": message, "finish_reason": self.finish_reason() }],
            "usage": self.usage(request),
        })
    }

    /// The answer as `chat.completion.chunk` objects, in the order in which they are sent.
    pub(super) fn chunks(&self, request: &ChatRequest) -> Vec<Value> {
        let mut chunks = vec![delta(request, json!({ "role": "assistant", "content": "" }))];
        match self {
            Self::Text(text) => {
                let words = text.split_inclusive(' ');
                chunks.extend(words.map(|word| delta(request, json!({ "content": word }))));
            }
            Self::ToolCall { name, arguments } => {
                chunks.push(tool_delta(
                    request,
                    json!({
                        "index": 0,
                        "id": TOOL_CALL_ID,
                        "type": "function",
                        "function": { "name": name, "arguments": "" },
                    }),
                ));
                chunks.extend(pieces(arguments, ARGUMENT_DELTAS).map(|piece| {
                    tool_delta(request, json!({ "index": 0, "function": { "arguments": piece } }))
                }));
            }
        }
        let choice = json!({ "index": 0, "delta": {}, "finish_reason": self.finish_reason() });
        chunks.push(chunk(request, json!([choice])));
        if request.wants_stream_usage() {
            let mut last = chunk(request, json!([]));
            last["usage"] = self.usage(request);
            chunks.push(last);
        }
        chunks
    }

    fn finish_reason(&self) -> &'static str {
        match self {
            Self::Text(_) => "stop",
            Self::ToolCall { .. } => "tool_calls",
        }
    }

    /// Counts words as tokens, which is as good as any count and easy to check.
    fn usage(&self, request: &ChatRequest) -> Value {
        let prompt: usize = request.messages.iter().map(|message| words(&message.text())).sum();
        let completion = match self {
            Self::Text(text) => words(text),
            Self::ToolCall { arguments, .. } => words(arguments),
        };
        json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        })
    }
}

fn chunk(request: &ChatRequest, choices: Value) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": request.model,
        "choices": choices,
    })
}

fn delta(request: &ChatRequest, delta: Value) -> Value {
    chunk(request, json!([{ "index": 0, "delta": delta, "finish_reason": null }]))
}

fn tool_delta(request: &ChatRequest, call: Value) -> Value {
    delta(request, json!({ "tool_calls": [call] }))
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Fills every argument that the tool's schema names with a value of its type.
fn arguments_for(function: &Function, text: &str) -> Value {
    let expression = expression_in(text).unwrap_or(DEFAULT_EXPRESSION);
    let Some(properties) = function.parameters["properties"].as_object() else {
        return json!({ "expression": expression });
    };
    let arguments: Map<String, Value> = properties
        .iter()
        .map(|(name, schema)| {
            let value = match schema["type"].as_str() {
                Some("integer" | "number") => json!(42),
                Some("boolean") => json!(true),
                Some("array") => json!([]),
                Some("object") => json!({}),
                _ => json!(expression),
            };
            (name.clone(), value)
        })
        .collect();
    Value::Object(arguments)
}

/// Finds the first word of the text that is an arithmetic expression such as `6*7`.
fn expression_in(text: &str) -> Option<&str> {
    text.split_whitespace().map(|word| word.trim_matches(['?', '.', ',', '!'])).find(|word| {
        word.starts_with(|first: char| first.is_ascii_digit())
            && word.contains(['+', '-', '*', '/'])
            && word.chars().all(|each| each.is_ascii_digit() || "+-*/".contains(each))
    })
}

/// Splits a text on character boundaries into about `count` pieces.
fn pieces(text: &str, count: usize) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let length = characters.len().div_ceil(count).max(1);
    let pieces: Vec<String> =
        characters.chunks(length).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}

//! The body of `POST /chat/completions`, from the contract's request.

use super::{Content, ImageUrl, Part, ToolCall, ToolKind};
use loader_sdk::contract::text_inference::{self as contract, GenerateRequest, Role, ToolChoice};
use serde::Serialize;
use serde_json::Value;

/// What the server is asked.
#[derive(Debug, Serialize)]
pub(crate) struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireToolChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat>,
}

/// How the answer should come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Streamed,
}

/// How the server calls the limit of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenLimit {
    /// `max_tokens`, which every compatible server knows.
    MaxTokens,
    /// `max_completion_tokens`: the only one OpenAI's own reasoning models take.
    MaxCompletionTokens,
}

/// A message has a part of a kind this build does not know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownPart {
    /// The position of the message, from zero.
    pub(crate) message: usize,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Debug, Serialize)]
struct Message {
    role: &'static str,
    /// `null` when an assistant's message only calls tools.
    content: Option<Content>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
    #[serde(skip_serializing_if = "String::is_empty")]
    tool_call_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
}

#[derive(Debug, Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: ToolKind,
    function: Function,
}

#[derive(Debug, Serialize)]
struct Function {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    parameters: Value,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum WireToolChoice {
    Mode(&'static str),
    Function {
        #[serde(rename = "type")]
        kind: ToolKind,
        function: FunctionName,
    },
}

#[derive(Debug, Serialize)]
struct FunctionName {
    name: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema { json_schema: JsonSchema },
}

#[derive(Debug, Serialize)]
struct JsonSchema {
    name: String,
    schema: Value,
    strict: bool,
}

impl ChatRequest {
    /// Translates a request.
    pub(crate) fn new(
        request: GenerateRequest,
        delivery: Delivery,
        token_limit: TokenLimit,
    ) -> Result<Self, UnknownPart> {
        let messages = request.messages.into_iter().enumerate();
        let messages = messages.map(|(position, message)| {
            Message::new(message).ok_or(UnknownPart { message: position })
        });
        let stream = delivery == Delivery::Streamed;
        let limit_as = |kind| request.max_tokens.filter(|_| token_limit == kind);
        Ok(Self {
            model: request.model,
            messages: messages.collect::<Result<_, _>>()?,
            stream,
            stream_options: stream.then_some(StreamOptions { include_usage: true }),
            tools: request.tools.into_iter().map(Tool::from).collect(),
            tool_choice: request.tool_choice.map(WireToolChoice::from),
            temperature: request.temperature,
            top_p: request.top_p,
            max_tokens: limit_as(TokenLimit::MaxTokens),
            max_completion_tokens: limit_as(TokenLimit::MaxCompletionTokens),
            stop: request.stop,
            seed: request.seed,
            user: request.user,
            response_format: request.response_format.map(ResponseFormat::from),
        })
    }
}

impl Message {
    /// `None` when a part is of an unknown kind.
    fn new(message: contract::Message) -> Option<Self> {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let only_calls = message.content.is_empty() && !message.tool_calls.is_empty();
        Some(Self {
            role,
            content: if only_calls { None } else { Some(content_of(message.content)?) },
            tool_calls: message.tool_calls.into_iter().map(ToolCall::from).collect(),
            tool_call_id: message.tool_call_id,
            name: message.name,
        })
    }
}

/// One text goes as a plain string, which even servers take that know no parts.
fn content_of(parts: Vec<contract::Part>) -> Option<Content> {
    let parts = parts.into_iter().map(|part| match part {
        contract::Part::Text { text } => Some(Part::Text { text }),
        contract::Part::Image { url } => Some(Part::ImageUrl { image_url: ImageUrl { url } }),
        contract::Part::Unknown => None,
    });
    let mut parts: Vec<Part> = parts.collect::<Option<_>>()?;
    Some(match parts.as_mut_slice() {
        [] => Content::Text(String::new()),
        [Part::Text { text }] => Content::Text(std::mem::take(text)),
        _ => Content::Parts(parts),
    })
}

impl From<contract::ToolSpec> for Tool {
    fn from(tool: contract::ToolSpec) -> Self {
        let contract::ToolSpec { name, description, parameters } = tool;
        Self { kind: ToolKind::Function, function: Function { name, description, parameters } }
    }
}

impl From<ToolChoice> for WireToolChoice {
    fn from(choice: ToolChoice) -> Self {
        match choice {
            ToolChoice::Auto => Self::Mode("auto"),
            ToolChoice::None => Self::Mode("none"),
            ToolChoice::Required => Self::Mode("required"),
            ToolChoice::Tool { name } => {
                Self::Function { kind: ToolKind::Function, function: FunctionName { name } }
            }
        }
    }
}

impl From<contract::ResponseFormat> for ResponseFormat {
    fn from(format: contract::ResponseFormat) -> Self {
        match format {
            contract::ResponseFormat::Text => Self::Text,
            contract::ResponseFormat::JsonObject => Self::JsonObject,
            contract::ResponseFormat::JsonSchema { name, schema, strict } => {
                Self::JsonSchema { json_schema: JsonSchema { name, schema, strict } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(request: Value, delivery: Delivery, token_limit: TokenLimit) -> Value {
        let request = serde_json::from_value(request).expect("a request of the contract");
        let request = ChatRequest::new(request, delivery, token_limit).expect("known parts only");
        serde_json::to_value(request).expect("a body is JSON")
    }

    fn whole(request: Value) -> Value {
        body(request, Delivery::Whole, TokenLimit::MaxTokens)
    }

    #[test]
    fn a_plain_request_says_no_more_than_it_must() {
        let request = json!({
            "model": "m",
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "hi" }] }],
        });
        assert_eq!(
            whole(request),
            json!({
                "model": "m",
                "messages": [{ "role": "user", "content": "hi" }],
                "stream": false,
            })
        );
    }

    #[test]
    fn a_streamed_request_asks_for_usage() {
        let request = json!({ "model": "m", "messages": [] });
        let body = body(request, Delivery::Streamed, TokenLimit::MaxTokens);
        assert_eq!(body["stream"], json!(true));
        assert_eq!(body["stream_options"], json!({ "include_usage": true }));
    }

    #[test]
    fn every_setting_has_its_place() {
        let body = whole(json!({
            "model": "m", "messages": [],
            "temperature": 0.5, "top_p": 0.25, "max_tokens": 7, "stop": ["a", "b"],
            "seed": -3, "user": "u", "response_format": { "type": "json-object" },
            "tools": [
                { "name": "add", "description": "adds", "parameters": { "type": "object" } },
                { "name": "bare" },
            ],
            "tool_choice": { "type": "required" },
        }));
        assert_eq!(
            body,
            json!({
                "model": "m", "messages": [], "stream": false,
                "temperature": 0.5, "top_p": 0.25, "max_tokens": 7, "stop": ["a", "b"],
                "seed": -3, "user": "u", "response_format": { "type": "json_object" },
                "tools": [
                    { "type": "function", "function": {
                        "name": "add", "description": "adds", "parameters": { "type": "object" },
                    } },
                    { "type": "function", "function": { "name": "bare" } },
                ],
                "tool_choice": "required",
            })
        );
    }

    #[test]
    fn every_tool_choice_has_its_form() {
        let choose = |choice: Value| {
            whole(json!({ "model": "m", "messages": [], "tool_choice": choice }))["tool_choice"]
                .take()
        };
        assert_eq!(choose(json!({ "type": "auto" })), json!("auto"));
        assert_eq!(choose(json!({ "type": "none" })), json!("none"));
        assert_eq!(
            choose(json!({ "type": "tool", "name": "add" })),
            json!({ "type": "function", "function": { "name": "add" } })
        );
    }

    #[test]
    fn every_response_format_has_its_form() {
        let format = |format: Value| {
            whole(json!({ "model": "m", "messages": [], "response_format": format }))
                ["response_format"]
                .take()
        };
        assert_eq!(format(json!({ "type": "text" })), json!({ "type": "text" }));
        assert_eq!(
            format(json!({ "type": "json-schema", "name": "n", "schema": {}, "strict": true })),
            json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": {}, "strict": true } })
        );
    }

    #[test]
    fn a_conversation_with_images_and_tools_keeps_its_shape() {
        let body = whole(json!({
            "model": "m",
            "messages": [
                { "role": "system", "content": [] },
                { "role": "user", "name": "ann", "content": [
                    { "type": "text", "text": "what is this?" },
                    { "type": "image", "url": "data:image/png;base64,AAAA" },
                ] },
                { "role": "assistant", "tool_calls": [
                    { "id": "call_1", "name": "look", "arguments": "{}" },
                ] },
                { "role": "tool", "tool_call_id": "call_1", "content": [
                    { "type": "text", "text": "a cat" },
                ] },
            ],
        }));
        assert_eq!(
            body["messages"],
            json!([
                { "role": "system", "content": "" },
                { "role": "user", "name": "ann", "content": [
                    { "type": "text", "text": "what is this?" },
                    { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } },
                ] },
                { "role": "assistant", "content": null, "tool_calls": [
                    { "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "{}" } },
                ] },
                { "role": "tool", "tool_call_id": "call_1", "content": "a cat" },
            ])
        );
    }

    #[test]
    fn the_vendors_own_servers_get_the_limit_under_its_new_name() {
        let request = json!({ "model": "m", "messages": [], "max_tokens": 7 });
        let body = body(request, Delivery::Whole, TokenLimit::MaxCompletionTokens);
        assert_eq!(body["max_completion_tokens"], json!(7));
        assert_eq!(body.get("max_tokens"), None);
    }

    #[test]
    fn a_part_from_the_future_is_refused_by_its_message() {
        let request = json!({ "model": "m", "messages": [
            { "role": "user", "content": [] },
            { "role": "user", "content": [{ "type": "hologram" }] },
        ] });
        let request = serde_json::from_value(request).expect("a request of the contract");
        let refused = ChatRequest::new(request, Delivery::Whole, TokenLimit::MaxTokens);
        assert_eq!(refused.err(), Some(UnknownPart { message: 1 }));
    }
}

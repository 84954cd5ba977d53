//! The part of a chat completion request that the server looks at.

use serde::Deserialize;
use serde_json::Value;

/// A chat completion request. Members that no behaviour depends on are ignored.
#[derive(Deserialize)]
pub(super) struct ChatRequest {
    pub(super) model: String,
    #[serde(default)]
    pub(super) messages: Vec<Message>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    stream_options: StreamOptions,
    #[serde(default)]
    pub(super) tools: Vec<Tool>,
    #[serde(default)]
    pub(super) tool_choice: Value,
    /// The end user on whose behalf the request is made; empty when not given.
    #[serde(default)]
    pub(super) user: String,
}

#[derive(Deserialize, Default)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// One message of the conversation.
#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) role: String,
    #[serde(default)]
    content: Value,
}

/// A tool that the client offers.
#[derive(Deserialize)]
pub(super) struct Tool {
    pub(super) function: Function,
}

/// The function behind a [`Tool`].
#[derive(Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    /// JSON Schema of the arguments.
    #[serde(default)]
    pub(super) parameters: Value,
}

impl ChatRequest {
    /// Whether a stream ends with a chunk that carries the usage.
    pub(super) fn wants_stream_usage(&self) -> bool {
        self.stream_options.include_usage
    }
}

impl Message {
    /// The text of the message: a plain string, or the text parts of a list joined by spaces.
    pub(super) fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts: Vec<&str> =
                    parts.iter().filter_map(|part| part["text"].as_str()).collect();
                texts.join(" ")
            }
            _ => String::new(),
        }
    }
}

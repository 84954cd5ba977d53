//! `text-inference/1`: a model continues a conversation.
//!
//! | method | verb | request | answer |
//! | --- | --- | --- | --- |
//! | `models` | call | none | [`ModelList`] |
//! | `generate` | call or open | [`GenerateRequest`] | [`GenerateResponse`] |
//! | `stream` | open | [`GenerateRequest`] | events of [`StreamEvent`], the last one `finish` |
//!
//! All three are required. Where `generate` is opened, the JSON of its answer comes in the bodies of
//! `data` messages: it may be longer than the 1 MiB that a call can answer. A stream of `stream` that ends without `finish` was cut off: consumers must treat it
//! as an error, never as a complete answer. Errors use the codes in [`code`] and carry
//! `retry_after_ms` when the provider knows it.
//!
//! The host serves the same contract: models are named `<provider>/<model>` then, an empty name means
//! the operator's default, and hooks take part. A request that names a capability goes to that
//! provider as it is.

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method, Stability},
    contract_types,
};

/// The contract's name.
pub const CONTRACT: &str = "text-inference/1";

/// Methods.
pub mod method {
    /// Lists the models.
    pub const MODELS: &str = "models";
    /// Answers whole.
    pub const GENERATE: &str = "generate";
    /// Answers piece by piece.
    pub const STREAM: &str = "stream";
}

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    stability: Stability::Stable,
    clash: "LDR-CONFLICT-PROVIDER",
    methods: &[
        Method::call(method::MODELS, "Lists the models.").idempotent(),
        Method::open(method::GENERATE, "Answers whole.").or_called().idempotent(),
        Method::open(method::STREAM, "Answers piece by piece.").idempotent(),
    ],
    attributes: &[Attribute::new("label", Form::Text, "The provider's name for people.")],
    ..Contract::new(CONTRACT, Class::Capability, "Continues conversations: a provider of models.")
};

/// Error codes of this contract.
pub mod code {
    /// The provider has no such model. Class not-found.
    pub const MODEL_NOT_FOUND: &str = "model_not_found";
    /// The vendor refused the provider's credentials. Class unauthenticated.
    pub const UPSTREAM_UNAUTHORIZED: &str = "upstream_unauthorized";
    /// The vendor limits the rate or the quota is used up. Class exhausted.
    pub const RATE_LIMITED: &str = "rate_limited";
    /// The vendor says the request is wrong. Class invalid.
    pub const INVALID_REQUEST: &str = "invalid_request";
    /// The vendor failed. Class unavailable.
    pub const UPSTREAM_FAILED: &str = "upstream_failed";
    /// The vendor could not be reached. Class unavailable.
    pub const UPSTREAM_UNREACHABLE: &str = "upstream_unreachable";
    /// The vendor's answer makes no sense. Class unavailable.
    pub const UPSTREAM_GARBLED: &str = "upstream_garbled";
    /// The vendor's answer broke off. Class unavailable.
    pub const UPSTREAM_CUT_OFF: &str = "upstream_cut_off";
    /// The vendor did not answer, or did not go on, in time. Class deadline.
    pub const UPSTREAM_TIMEOUT: &str = "upstream_timeout";
    /// The provider lacks a setting it needs, such as a key. Class unavailable.
    pub const NOT_CONFIGURED: &str = "not_configured";
}

contract_types! {
    /// The answer to `models`.
    #[derive(Default)]
    pub struct ModelList {
        /// The models, in the order they should be shown.
        #[serde(default)]
        pub models: Vec<Model>,
    }

    /// One model.
    #[derive(Default)]
    pub struct Model {
        /// The id within this provider; may contain slashes.
        pub id: String,
        /// A name for people.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub label: String,
        /// Tokens of context it takes, when known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub context_tokens: Option<u64>,
        /// Whether it can call tools.
        #[serde(default)]
        pub tools: bool,
    }

    /// The request of `generate` and `stream`.
    #[derive(Default)]
    pub struct GenerateRequest {
        /// The model's id within the provider.
        pub model: String,
        /// The conversation so far.
        pub messages: Vec<Message>,
        /// The tools the model may call.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub tools: Vec<ToolSpec>,
        /// Whether it must, may or must not call them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub tool_choice: Option<ToolChoice>,
        /// Sampling temperature.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub temperature: Option<f64>,
        /// Nucleus sampling.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub top_p: Option<f64>,
        /// The most tokens to answer with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub max_tokens: Option<u64>,
        /// Texts that end the answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub stop: Vec<String>,
        /// Makes sampling repeatable where the model can.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub seed: Option<i64>,
        /// An opaque id of the end user, for the vendor's abuse checks.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub user: String,
        /// Asks for JSON: any object, or one that matches a schema.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub response_format: Option<ResponseFormat>,
    }

    /// One message of the conversation.
    #[derive(Default)]
    pub struct Message {
        /// Who says it.
        pub role: Role,
        /// What is said; empty when the message only calls tools.
        #[serde(default)]
        pub content: Vec<Part>,
        /// The tools the assistant calls.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub tool_calls: Vec<ToolCall>,
        /// Which call a `tool` message answers.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub tool_call_id: String,
        /// The speaker's name, where several share a role.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub name: String,
    }

    /// Who speaks.
    #[derive(Default, Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum Role {
        /// The operator's instructions.
        System,
        /// The person.
        #[default]
        User,
        /// The model.
        Assistant,
        /// A tool's result.
        Tool,
    }

    /// One part of a message.
    #[serde(tag = "type", rename_all = "kebab-case")]
    pub enum Part {
        /// Text.
        Text {
            /// The text.
            text: String,
        },
        /// An image by address: `https:` or `data:`.
        Image {
            /// The address.
            url: String,
        },
        /// Something newer than this build; providers say `invalid_request` to it.
        #[serde(other)]
        Unknown,
    }

    /// A tool the model may call.
    #[derive(Default)]
    pub struct ToolSpec {
        /// The tool's name.
        pub name: String,
        /// What it does and when to use it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub description: String,
        /// The JSON Schema of its arguments.
        #[serde(default)]
        pub parameters: serde_json::Value,
    }

    /// Whether tools are called.
    #[serde(tag = "type", rename_all = "kebab-case")]
    pub enum ToolChoice {
        /// The model decides.
        Auto,
        /// No tool.
        None,
        /// At least one tool.
        Required,
        /// This tool.
        Tool {
            /// Its name.
            name: String,
        },
    }

    /// A tool call by the model.
    #[derive(Default)]
    pub struct ToolCall {
        /// Identifies the call within the conversation.
        pub id: String,
        /// The tool's name.
        pub name: String,
        /// The arguments as the model wrote them: usually JSON text, not checked.
        pub arguments: String,
    }

    /// The form of the answer.
    #[serde(tag = "type", rename_all = "kebab-case")]
    pub enum ResponseFormat {
        /// Plain text.
        Text,
        /// Any JSON object.
        JsonObject,
        /// JSON that matches a schema.
        JsonSchema {
            /// The schema's name.
            name: String,
            /// The schema.
            schema: serde_json::Value,
            /// Whether the vendor must enforce it.
            #[serde(default)]
            strict: bool,
        },
    }

    /// The answer to `generate`.
    #[derive(Default)]
    pub struct GenerateResponse {
        /// The model's message.
        pub message: Message,
        /// Why it stopped.
        pub finish: FinishReason,
        /// What it cost, when known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub usage: Option<Usage>,
        /// The model that really answered.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub model: String,
    }

    /// Why the model stopped.
    #[derive(Default, Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum FinishReason {
        /// It was done.
        #[default]
        Stop,
        /// It reached the limit of tokens.
        Length,
        /// It wants tools called.
        ToolCalls,
        /// The vendor's filter stopped it.
        ContentFilter,
        /// Something newer than this build.
        #[serde(other)]
        Unknown,
    }

    /// What an answer cost.
    #[derive(Default, Eq, Copy)]
    pub struct Usage {
        /// Tokens of the request.
        #[serde(default)]
        pub input_tokens: u64,
        /// Tokens of the answer.
        #[serde(default)]
        pub output_tokens: u64,
    }

    /// One event of a stream.
    #[serde(tag = "type", rename_all = "kebab-case")]
    pub enum StreamEvent {
        /// More text.
        Text {
            /// What to append.
            text: String,
        },
        /// A tool call begins, or its arguments go on.
        ToolCall {
            /// Which call of this answer, from zero.
            index: u32,
            /// The call's id; only in the first event of a call.
            #[serde(default, skip_serializing_if = "String::is_empty")]
            id: String,
            /// The tool's name; only in the first event of a call.
            #[serde(default, skip_serializing_if = "String::is_empty")]
            name: String,
            /// What to append to the arguments.
            #[serde(default)]
            arguments: String,
        },
        /// The answer is complete. Always the last event.
        Finish {
            /// Why it stopped.
            reason: FinishReason,
            /// What it cost, when known.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            usage: Option<Usage>,
        },
        /// Something newer than this build; skip it.
        #[serde(other)]
        Unknown,
    }
}

impl Message {
    /// A message of one text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, content: vec![Part::Text { text: text.into() }], ..Self::default() }
    }

    /// All the text of the message, joined.
    pub fn joined_text(&self) -> String {
        let texts = self.content.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            Part::Image { .. } | Part::Unknown => None,
        });
        texts.collect()
    }
}

//! The body of `POST /v1/chat/completions`, into the contract's request.
//!
//! Unknown fields are ignored and `null` is the same as absent, because clients send both. What
//! would change the answer's shape and cannot be done is refused instead: several answers, the
//! former function calls, tools and parts of other kinds.

use loader_abi::class;
use loader_contract::text_inference::{GenerateRequest, ResponseFormat, ToolChoice, ToolSpec};
use loader_core::message::Failure;
use serde::Deserialize;
use serde_json::{Value, error::Category};

use super::{
    complaint::Complaint,
    message::{Message, USE_TOOLS},
};

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The model as the client names it; empty when it names none.
    pub model: String,
    /// Whether the answer should come piece by piece.
    pub stream: bool,
    /// Whether a streamed answer should end with what it cost.
    pub include_usage: bool,
    /// The request to the provider. Its model is left empty.
    pub generate: GenerateRequest,
}

#[derive(Debug, Deserialize)]
struct Wire {
    model: Option<String>,
    messages: Vec<Message>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Choice>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    stop: Option<Stop>,
    seed: Option<i64>,
    user: Option<String>,
    response_format: Option<Format>,
    n: Option<u64>,
    functions: Option<Value>,
    function_call: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: String,
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    description: Option<String>,
    #[serde(default)]
    parameters: Value,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`tool_choice` is a string or {\"type\": \"function\", …}")]
enum Choice {
    Mode(String),
    Named {
        #[serde(rename = "type")]
        kind: String,
        function: Option<FunctionName>,
    },
}

#[derive(Debug, Deserialize)]
struct FunctionName {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`stop` is a string or a list of strings")]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<JsonSchema>,
}

#[derive(Debug, Deserialize)]
struct JsonSchema {
    name: String,
    #[serde(default)]
    schema: Value,
    strict: Option<bool>,
}

impl ChatRequest {
    /// Reads and translates a body.
    ///
    /// # Errors
    ///
    /// A complaint of status 400: `LDR-CHAT-JSON` with the line and column where the body stops
    /// being JSON, `LDR-CHAT-FIELD` for a field that makes no sense, `LDR-CHAT-UNSUPPORTED` for
    /// what this gateway does not do.
    pub fn parse(body: &[u8]) -> Result<Self, Complaint> {
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        if first.is_some_and(|first| *first == b'[') {
            // Derived structures can also be read from lists, by position.
            return Err(wrong("the body must be a JSON object, not a list"));
        }
        let wire: Wire = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
        wire.translate()
    }
}

impl Wire {
    fn translate(self) -> Result<ChatRequest, Complaint> {
        if self.n.is_some_and(|answers| answers != 1) {
            let hint = "leave `n` out, or send the request several times";
            return Err(unsupported("only one answer per request is supported", hint).about("n"));
        }
        for (field, value) in
            [("functions", &self.functions), ("function_call", &self.function_call)]
        {
            if value.is_some() {
                let message = format!("`{field}` is the former way to call functions");
                return Err(unsupported(message, USE_TOOLS).about(field));
            }
        }
        if self.messages.is_empty() {
            return Err(wrong("`messages` needs at least one message").about("messages"));
        }
        let messages = self.messages.into_iter().enumerate();
        let tools = self.tools.unwrap_or_default().into_iter().enumerate();
        let generate = GenerateRequest {
            model: String::new(),
            messages: messages
                .map(|(position, message)| message.translate(position))
                .collect::<Result<_, _>>()?,
            tools: tools.map(|(index, tool)| tool.translate(index)).collect::<Result<_, _>>()?,
            tool_choice: self.tool_choice.map(Choice::translate).transpose()?,
            temperature: self.temperature,
            top_p: self.top_p,
            max_tokens: self.max_completion_tokens.or(self.max_tokens),
            stop: self.stop.map(Stop::into_list).unwrap_or_default(),
            seed: self.seed,
            user: self.user.unwrap_or_default(),
            response_format: self.response_format.map(Format::translate).transpose()?,
        };
        Ok(ChatRequest {
            model: self.model.unwrap_or_default(),
            stream: self.stream.unwrap_or(false),
            include_usage: self
                .stream_options
                .and_then(|options| options.include_usage)
                .unwrap_or(false),
            generate,
        })
    }
}

impl Tool {
    fn translate(self, index: usize) -> Result<ToolSpec, Complaint> {
        let tool = match (self.kind.as_str(), self.function) {
            ("function", Some(Function { name, description, parameters })) => {
                Ok(ToolSpec { name, description: description.unwrap_or_default(), parameters })
            }
            ("function", None) => Err(wrong("a tool of type `function` needs `function`")),
            (other, _) => Err(unsupported(
                format!("tools of type `{}` are not supported", other.escape_debug()),
                "offer tools of type `function`",
            )),
        };
        tool.map_err(|complaint| complaint.about(format!("tools[{index}]")))
    }
}

impl Choice {
    fn translate(self) -> Result<ToolChoice, Complaint> {
        let choice = match self {
            Self::Mode(mode) => match mode.as_str() {
                "auto" => Ok(ToolChoice::Auto),
                "none" => Ok(ToolChoice::None),
                "required" => Ok(ToolChoice::Required),
                other => Err(wrong(format!(
                    "there is no tool choice `{}`; there are auto, none and required",
                    other.escape_debug()
                ))),
            },
            Self::Named { kind, function: Some(FunctionName { name }) } if kind == "function" => {
                Ok(ToolChoice::Tool { name })
            }
            Self::Named { kind, function: None } if kind == "function" => {
                Err(wrong("a tool choice of type `function` needs `function.name`"))
            }
            Self::Named { kind, .. } => Err(unsupported(
                format!("tool choices of type `{}` are not supported", kind.escape_debug()),
                "choose auto, none, required, or one tool of type `function`",
            )),
        };
        choice.map_err(|complaint| complaint.about("tool_choice"))
    }
}

impl Stop {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        }
    }
}

impl Format {
    fn translate(self) -> Result<ResponseFormat, Complaint> {
        let format = match (self.kind.as_str(), self.json_schema) {
            ("text", _) => Ok(ResponseFormat::Text),
            ("json_object", _) => Ok(ResponseFormat::JsonObject),
            ("json_schema", Some(JsonSchema { name, schema, strict })) => {
                Ok(ResponseFormat::JsonSchema { name, schema, strict: strict.unwrap_or(false) })
            }
            ("json_schema", None) => {
                Err(wrong("a response format of type `json_schema` needs `json_schema`"))
            }
            (other, _) => Err(unsupported(
                format!("there is no response format `{}`", other.escape_debug()),
                "ask for text, json_object or json_schema",
            )),
        };
        format.map_err(|complaint| complaint.about("response_format"))
    }
}

fn unreadable(error: &serde_json::Error) -> Complaint {
    match error.classify() {
        Category::Data => wrong(format!("the body makes no sense: {error}")),
        Category::Syntax | Category::Eof | Category::Io => {
            let message = format!("the body is not JSON: {error}");
            Complaint::new(
                400,
                "invalid_json",
                Failure::new(class::INVALID, "LDR-CHAT-JSON", message),
            )
        }
    }
}

/// A field makes no sense.
pub(super) fn wrong(message: impl Into<String>) -> Complaint {
    let failure = Failure::new(class::INVALID, "LDR-CHAT-FIELD", message);
    Complaint::new(400, "invalid_value", failure)
}

/// OpenAI may know it; this gateway does not.
pub(super) fn unsupported(message: impl Into<String>, hint: &str) -> Complaint {
    let failure = Failure::new(class::INVALID, "LDR-CHAT-UNSUPPORTED", message).hint(hint);
    Complaint::new(400, "unsupported_value", failure)
}

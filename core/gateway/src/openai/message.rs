//! One message of a request, into the contract's.

use loader_contract::text_inference::{self as contract, Role};
use serde::Deserialize;
use serde_json::Value;

use super::{
    complaint::Complaint,
    content::{Content, Part},
    request::{unsupported, wrong},
};

/// A message as clients write it.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    role: String,
    content: Option<Content>,
    refusal: Option<String>,
    name: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
    tool_call_id: Option<String>,
    function_call: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct ToolCall {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    arguments: String,
}

impl Message {
    /// Translates the message at this position of the request.
    pub(super) fn translate(self, position: usize) -> Result<contract::Message, Complaint> {
        let at = format!("messages[{position}]");
        let role = role(&self.role, &at)?;
        if self.function_call.is_some() {
            return Err(unsupported(
                "`function_call` is the former way to call functions",
                USE_TOOLS,
            )
            .about(format!("{at}.function_call")));
        }
        let calls = self.tool_calls.unwrap_or_default().into_iter().enumerate();
        let tool_calls =
            calls.map(|(index, call)| call.translate(&at, index)).collect::<Result<_, _>>()?;
        let content = match (self.content, self.refusal) {
            (Some(content), _) => parts(content, &at)?,
            (None, Some(text)) => vec![contract::Part::Text { text }],
            (None, None) if role == Role::Assistant => Vec::new(),
            (None, None) => {
                return Err(wrong(format!("a {} message needs `content`", self.role))
                    .about(format!("{at}.content")));
            }
        };
        let tool_call_id = self.tool_call_id.unwrap_or_default();
        if role == Role::Tool && tool_call_id.is_empty() {
            return Err(wrong("a tool message needs `tool_call_id`, the call it answers")
                .about(format!("{at}.tool_call_id")));
        }
        let name = self.name.unwrap_or_default();
        Ok(contract::Message { role, content, tool_calls, tool_call_id, name })
    }
}

/// What to write instead of functions.
pub(super) const USE_TOOLS: &str = "use `tools`, `tool_calls` and messages of the role `tool`";

fn role(role: &str, at: &str) -> Result<Role, Complaint> {
    match role {
        // `developer` is how newer models call what they obey before the user.
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "tool" => Ok(Role::Tool),
        "function" => {
            Err(unsupported("the role `function` is the former way to answer a call", USE_TOOLS))
        }
        other => Err(wrong(format!(
            "there is no role `{}`; roles are system, developer, user, assistant and tool",
            other.escape_debug()
        ))),
    }
    .map_err(|complaint| complaint.about(format!("{at}.role")))
}

fn parts(content: Content, at: &str) -> Result<Vec<contract::Part>, Complaint> {
    match content {
        Content::Text(text) => Ok(vec![contract::Part::Text { text }]),
        Content::Parts(parts) => {
            let parts = parts.into_iter().enumerate();
            parts.map(|(index, part)| part.translate(at, index)).collect()
        }
    }
}

impl Part {
    fn translate(self, at: &str, index: usize) -> Result<contract::Part, Complaint> {
        let Self { kind, text, refusal, image_url } = self;
        let missing = |field| wrong(format!("a part of type `{kind}` needs `{field}`"));
        let part = match kind.as_str() {
            "text" => text.map(|text| contract::Part::Text { text }).ok_or_else(|| missing("text")),
            "refusal" => {
                refusal.map(|text| contract::Part::Text { text }).ok_or_else(|| missing("refusal"))
            }
            "image_url" => image_url
                .map(|image| contract::Part::Image { url: image.url })
                .ok_or_else(|| missing("image_url")),
            other => Err(unsupported(
                format!("parts of type `{}` are not supported", other.escape_debug()),
                "send parts of type `text` or `image_url`",
            )),
        };
        part.map_err(|complaint| complaint.about(format!("{at}.content[{index}]")))
    }
}

impl ToolCall {
    fn translate(self, at: &str, index: usize) -> Result<contract::ToolCall, Complaint> {
        let call = match (self.kind.as_deref(), self.function) {
            (None | Some("function"), Some(Function { name, arguments })) => {
                Ok(contract::ToolCall { id: self.id, name, arguments })
            }
            (None | Some("function"), None) => Err(wrong("a tool call needs `function`")),
            (Some(other), _) => Err(unsupported(
                format!("tool calls of type `{}` are not supported", other.escape_debug()),
                "only tools of type `function` can be called",
            )),
        };
        call.map_err(|complaint| complaint.about(format!("{at}.tool_calls[{index}]")))
    }
}

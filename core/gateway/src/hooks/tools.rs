//! Before and after a tool is called.

use super::{Hooks, round::Effect};
use loader_contract::hook::{
    AfterToolCall, BeforeToolCall, ToolAnswerChange, ToolCallChange, event,
};
use loader_core::{CallOptions, message::Failure};
use serde_json::Value;

/// What becomes of a call of a tool.
pub(crate) enum Verdict {
    /// It is made with these arguments, which are not checked against the schema yet.
    Call(Value),
    /// It is not made; this is what the caller is told.
    Refused(String),
}

impl Hooks {
    /// A tool is about to be called.
    pub(crate) async fn before_tool_call(
        &self,
        options: &CallOptions,
        tool: &str,
        arguments: Value,
    ) -> Result<Verdict, Failure> {
        let round = self.round(event::BEFORE_TOOL_CALL, options);
        let Some(round) = round else { return Ok(Verdict::Call(arguments)) };
        let (tool, caller) = (tool.to_owned(), options.caller.to_string());
        let mut request = BeforeToolCall { tool, arguments, caller };
        let mut refused = None;
        let shown = round.show(&mut request, |request, change: ToolCallChange| {
            refused = change.refuse;
            match change.arguments {
                _ if refused.is_some() => Effect::Over,
                None => Effect::None,
                Some(arguments) => {
                    request.arguments = arguments;
                    Effect::Changed
                }
            }
        });
        shown.await?;
        Ok(refused.map_or(Verdict::Call(request.arguments), Verdict::Refused))
    }

    /// A tool has answered. Returns the answer as it is now.
    pub(crate) async fn after_tool_call(
        &self,
        options: &CallOptions,
        tool: &str,
        arguments: &Value,
        content: String,
        failed: bool,
    ) -> Result<String, Failure> {
        let Some(round) = self.round(event::AFTER_TOOL_CALL, options) else { return Ok(content) };
        let (tool, arguments) = (tool.to_owned(), arguments.clone());
        let mut request = AfterToolCall { tool, arguments, content, failed };
        let shown = round.show(&mut request, |request, change: ToolAnswerChange| {
            let Some(content) = change.content else { return Effect::None };
            request.content = content;
            Effect::Changed
        });
        shown.await?;
        Ok(request.content)
    }
}

//! Everybody's tools: what models, people and plugins can have done.

mod description;
mod failure;
mod service;

use crate::{
    desk::Desk,
    hooks::{Hooks, Verdict},
};
use description::{Descriptions, Tool};
use futures_util::future::join_all;
use loader_contract::{
    hook::event,
    tool::{CONTRACT, CallTool, LeftOutTool, MAX_ANSWER_BYTES, ToolAnswer, ToolList, method},
};
use loader_core::{
    CallOptions, Capability, Engine,
    message::{Failure, Metadata, Reply},
};
use serde_json::{Map, Value};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{info, warn};

/// Finds tools and has them do something.
#[derive(Clone)]
pub(crate) struct Tools {
    desk: Arc<Desk>,
    hooks: Hooks,
    descriptions: Arc<Descriptions>,
}

impl Tools {
    pub(crate) fn new(desk: Arc<Desk>, hooks: Hooks) -> Self {
        Self { desk, hooks, descriptions: Arc::default() }
    }

    /// Every tool, and those that cannot be used.
    pub(crate) async fn list(&self) -> Result<ToolList, Failure> {
        let mut list = ToolList::default();
        for (capability, described) in self.described(|_| true).await? {
            match described {
                Ok(tool) => list.tools.push(tool.listed.clone()),
                Err(Failure { code, message, .. }) => list.left_out.push(LeftOutTool {
                    name: capability.id.clone(),
                    plugin: capability.plugin.clone(),
                    code,
                    message,
                }),
            }
        }
        Ok(list)
    }

    /// The tools that the operator lets models call.
    pub(crate) async fn offered(&self) -> Result<Vec<Arc<Tool>>, Failure> {
        let config = self.desk.config();
        if config.tools.enabled.is_empty() {
            return Ok(Vec::new());
        }
        let described = self.described(|tool| config.tools.offers(tool)).await?;
        Ok(described.into_iter().filter_map(|(_, tool)| tool.ok()).collect())
    }

    /// The tools whose names are wanted, as their plugins describe them.
    async fn described(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(Arc<Capability>, Result<Arc<Tool>, Failure>)>, Failure> {
        let engine = self.desk.engine()?;
        let snapshot = engine.snapshot();
        let wanted = snapshot.capabilities(CONTRACT).filter(|tool| is_wanted(&tool.id));
        let wanted: Vec<Arc<Capability>> = wanted.cloned().collect();
        let described = wanted.iter().map(|tool| self.descriptions.of(&engine, tool));
        let described = join_all(described).await;
        Ok(wanted.into_iter().zip(described).collect())
    }

    /// Has a tool do something.
    pub(crate) async fn call(
        &self,
        options: CallOptions,
        request: CallTool,
    ) -> Result<ToolAnswer, Failure> {
        let engine = self.desk.engine()?;
        let tool = self.find(&engine, &request.tool).await?;
        let arguments = match request.arguments {
            Value::Null => Value::Object(Map::new()),
            arguments => arguments,
        };
        // Arguments that make no sense are no business of hooks.
        tool.check(&arguments)?;
        let limit = Duration::from_millis(self.desk.config().tools.timeout_ms);
        let latest = Instant::now().checked_add(limit);
        let deadline = options.deadline.into_iter().chain(latest).min();
        let options = CallOptions { deadline, idempotent: tool.is_read_only, ..options };
        let caller = options.caller.clone();
        let (name, plugin) = (&tool.listed.name, &tool.listed.plugin);
        let answer = self.perform(&engine, &tool, options, arguments).await;
        match &answer {
            Ok(answer) => info!(tool = name, plugin, %caller, failed = answer.failed, "called"),
            Err(failure) => {
                warn!(tool = name, plugin, %caller, code = failure.code, "{}", failure.message);
            }
        }
        answer
    }

    /// Has it done, once the hooks have seen the arguments, and lets them see the answer.
    async fn perform(
        &self,
        engine: &Engine,
        tool: &Tool,
        options: CallOptions,
        arguments: Value,
    ) -> Result<ToolAnswer, Failure> {
        let name = &tool.listed.name;
        let arguments = match self.hooks.before_tool_call(&options, name, arguments).await? {
            Verdict::Call(arguments) => arguments,
            Verdict::Refused(why) => return Ok(ToolAnswer::failed(why)),
        };
        tool.check(&arguments)?;
        let seen = self.hooks.has(event::AFTER_TOOL_CALL).then(|| arguments.clone());
        let mut answer = ask(engine, tool, options.clone(), arguments).await?;
        if let Some(arguments) = seen {
            let ToolAnswer { content, failed, .. } = &mut answer;
            let shown = std::mem::take(content);
            let shown =
                self.hooks.after_tool_call(&options, name, &arguments, shown, *failed).await?;
            *content = shown;
        }
        Ok(answer)
    }

    /// The tool of this name.
    async fn find(&self, engine: &Engine, name: &str) -> Result<Arc<Tool>, Failure> {
        let snapshot = engine.snapshot();
        let capability = snapshot.capability(CONTRACT, name).ok_or_else(|| {
            let known = snapshot.capabilities(CONTRACT).map(|tool| tool.id.as_str());
            failure::unknown(name, known.collect())
        })?;
        self.descriptions.of(engine, capability).await
    }
}

/// Asks the plugin.
async fn ask(
    engine: &Engine,
    tool: &Tool,
    options: CallOptions,
    arguments: Value,
) -> Result<ToolAnswer, Failure> {
    let target = engine.target(CONTRACT, Some(&tool.listed.name), method::CALL)?;
    let body = Reply::json(&CallTool { tool: String::new(), arguments })?.body;
    let answer = target.call_and_read(options, Metadata::new(), body, |reply| read(tool, &reply));
    answer.await.map_err(|failure| failure::named(tool, failure))
}

/// Reads an answer; one that breaks the contract is an error.
fn read(tool: &Tool, reply: &Reply) -> Result<ToolAnswer, Failure> {
    let answer: ToolAnswer = serde_json::from_slice(&reply.body)
        .map_err(|error| failure::answer(tool, &format!("sent what makes no sense: {error}")))?;
    let length = answer.content.len();
    if length > MAX_ANSWER_BYTES {
        let what = format!("answered with {length} bytes; it may have {MAX_ANSWER_BYTES}");
        return Err(failure::answer(tool, &what));
    }
    Ok(answer)
}

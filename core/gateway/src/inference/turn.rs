//! A turn: a question, the tools that the model calls on the way, the answer.
//!
//! The operator says which tools models are offered. They stand beside those that the client brings, and
//! the client does not learn of their calls: it gets the text of every round, and one end.

use super::{
    Inference, Prepared,
    calls::{Calls, Verdict},
    encode,
    round::{self, MAX_ANSWER_BYTES, Round},
};
use crate::tools::Tools;
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use loader_abi::{MAX_BODY_BYTES, class};
use loader_contract::{
    text_inference::{
        GenerateRequest, GenerateResponse, Message, Part, Role, StreamEvent, ToolCall, ToolChoice,
        ToolSpec, Usage,
    },
    tool::CallTool,
};
use loader_core::{CallOptions, message::Failure};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How many tools are at work at once for one answer.
const AT_ONCE: usize = 8;

/// How much of what came of one call a model is told.
const MAX_TOLD_BYTES: usize = 64 * 1024;

/// How many plugins may have asked each other before a model: one that is asked further down is offered
/// no tools of the gateway's, so that a tool that asks a model does not do so for ever.
const DEEPEST: u32 = 3;

/// The code of a turn that comes to no end.
pub(crate) const TOOL_ROUNDS: &str = "LDR-TOOL-ROUNDS";

/// What stands between the texts of two rounds.
const BREAK: &str = "\n\n";

/// A turn under way.
pub(super) struct Turn {
    inference: Inference,
    /// The model.
    name: String,
    options: CallOptions,
    /// How long each round may take to begin.
    time: Option<Duration>,
    request: GenerateRequest,
    /// The gateway's tools among those that are offered.
    ours: BTreeSet<String>,
    rounds: u32,
    usage: Option<Usage>,
}

impl Turn {
    /// Begins a turn: offers the tools that the operator lets models call.
    pub(super) async fn begin(
        inference: Inference,
        options: CallOptions,
        name: &str,
        request: GenerateRequest,
    ) -> Result<Self, Failure> {
        let Prepared { name, mut request } = inference.prepare(&options, name, request).await?;
        let time = options.deadline.map(|it| it.saturating_duration_since(Instant::now()));
        let mut ours = BTreeSet::new();
        // Who says which tool is to be called, or none, means its own.
        let is_free = matches!(request.tool_choice, None | Some(ToolChoice::Auto));
        if is_free && options.depth <= DEEPEST {
            for tool in by(options.deadline, inference.tools.offered()).await? {
                let listed = tool.listed.clone();
                if request.tools.iter().any(|theirs| theirs.name == listed.name) {
                    continue;
                }
                ours.insert(listed.name.clone());
                let description = listed.description;
                request.tools.push(ToolSpec {
                    name: listed.name,
                    description: description.description,
                    parameters: description.parameters,
                });
            }
        }
        Ok(Self { inference, name, options, time, request, ours, rounds: 0, usage: None })
    }

    /// The whole answer: the text of every round, and the end of the last.
    pub(super) async fn whole(mut self) -> Result<GenerateResponse, Failure> {
        let mut said: Vec<Part> = Vec::new();
        loop {
            let (options, request) = (self.options(), self.question());
            let mut answer = self.inference.answer(options, &self.name, request).await?;
            self.spend(answer.usage);
            let message = &mut answer.message;
            let calls = Calls::sort(&self.ours, &mut message.tool_calls)?;
            let content = std::mem::take(&mut message.content);
            if !said.is_empty() && !content.is_empty() {
                said.push(Part::Text { text: BREAK.to_owned() });
            }
            said.extend(content.iter().cloned());
            match calls.verdict(answer.finish) {
                Verdict::GoOn(calls) => self.go_on(content, calls).await?,
                Verdict::Over => {
                    message.content = said;
                    answer.usage = self.usage;
                    return Ok(answer);
                }
            }
        }
    }

    /// The answer piece by piece. An error before the first is the question's own.
    pub(super) async fn streamed(
        mut self,
    ) -> Result<BoxStream<'static, Result<StreamEvent, Failure>>, Failure> {
        let round = self.next_round().await?;
        let streaming = Streaming {
            turn: self,
            round,
            said: String::new(),
            calls: Calls::default(),
            due: false,
        };
        let events = stream::unfold(Some(streaming), async |streaming| {
            let mut streaming = streaming?;
            let event = streaming.next().await?;
            let streaming = event.is_ok().then_some(streaming);
            Some((event, streaming))
        });
        Ok(events.boxed())
    }

    async fn next_round(&mut self) -> Result<Round, Failure> {
        let (options, request) = (self.options(), self.question());
        self.inference.round(options, &self.name, request).await
    }

    /// What goes with a call: each round has as long to begin as the first had.
    fn options(&self) -> CallOptions {
        match self.time {
            Some(time) => self.options.clone().within(time),
            None => self.options.clone(),
        }
    }

    /// What the model is asked. It is kept where it may have to be asked again.
    fn question(&mut self) -> GenerateRequest {
        match self.ours.is_empty() {
            true => std::mem::take(&mut self.request),
            false => self.request.clone(),
        }
    }

    fn spend(&mut self, usage: Option<Usage>) {
        let Some(usage) = usage else { return };
        let before = self.usage.unwrap_or_default();
        self.usage = Some(Usage {
            input_tokens: before.input_tokens.saturating_add(usage.input_tokens),
            output_tokens: before.output_tokens.saturating_add(usage.output_tokens),
        });
    }

    /// Has the tools called, and adds what the model said and what came of it to the question.
    async fn go_on(&mut self, content: Vec<Part>, calls: Vec<ToolCall>) -> Result<(), Failure> {
        let most = self.inference.desk.config().tools.max_rounds;
        if self.rounds >= most {
            let message = format!("the model wants tools called more than {most} times in a turn");
            return Err(Failure::new(class::EXHAUSTED, TOOL_ROUNDS, message)
                .hint("raise tools.max_rounds, or offer fewer tools in tools.enabled"));
        }
        self.rounds += 1;
        let named = calls.into_iter().zip(1..).map(|(call, number)| match call.id.is_empty() {
            true => ToolCall { id: format!("call_{}_{number}", self.rounds), ..call },
            false => call,
        });
        let tool_calls: Vec<ToolCall> = named.collect();
        let told = tool_calls.iter().cloned();
        let told = told.map(|call| tell(self.inference.tools.clone(), self.options(), call));
        let told: Vec<_> = told.collect();
        let told: Vec<String> = stream::iter(told).buffered(AT_ONCE).collect().await;
        let ids: Vec<String> = tool_calls.iter().map(|call| call.id.clone()).collect();
        let said = Message { role: Role::Assistant, content, tool_calls, ..Message::default() };
        self.request.messages.push(said);
        // Some of the room is for the escapes of JSON, and for rounds to come.
        let mut room = MAX_BODY_BYTES.saturating_sub(encode(&self.request)?.len()) / 2;
        for (tool_call_id, told) in ids.into_iter().zip(told) {
            let told = cut(told, MAX_TOLD_BYTES.min(room));
            room = room.saturating_sub(told.len());
            let answer = Message { tool_call_id, ..Message::text(Role::Tool, told) };
            self.request.messages.push(answer);
        }
        Ok(())
    }
}

/// What comes of the work by then.
async fn by<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Some(deadline) = deadline else { return work.await };
    let done = tokio::time::timeout_at(deadline.into(), work).await;
    done.unwrap_or_else(|_| Err(Failure::deadline()))
}

/// Has one tool called. What went wrong is told to the model, which goes on.
async fn tell(tools: Tools, options: CallOptions, call: ToolCall) -> String {
    let written = match call.arguments.trim() {
        "" => "{}",
        arguments => arguments,
    };
    let arguments = match serde_json::from_str(written) {
        Ok(arguments) => arguments,
        Err(error) => return format!("Error: the arguments are not JSON: {error}"),
    };
    match tools.call(options, CallTool { tool: call.name, arguments }).await {
        Ok(answer) if answer.failed => format!("Error: {}", answer.content),
        Ok(answer) => answer.content,
        Err(failure) => format!("Error: {} ({})", failure.message, failure.code),
    }
}

/// As much of a text as a model is told.
fn cut(mut text: String, most: usize) -> String {
    let length = text.len();
    if length > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str(&format!("\n[cut off: there are {length} bytes]"));
    }
    text
}

/// A turn whose answer is told piece by piece.
struct Streaming {
    turn: Turn,
    round: Round,
    /// What the model said in this round.
    said: String,
    calls: Calls,
    /// Whether a break comes before the next text: something was said in a round before.
    due: bool,
}

impl Streaming {
    async fn next(&mut self) -> Option<Result<StreamEvent, Failure>> {
        loop {
            let event = match self.round.next().await? {
                Ok(event) => event,
                Err(failure) => return Some(Err(failure)),
            };
            match self.hear(event).await {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(failure) => return Some(Err(failure)),
            }
        }
    }

    /// Takes an event of the provider's. Returns what the client is told.
    async fn hear(&mut self, event: StreamEvent) -> Result<Option<StreamEvent>, Failure> {
        let turn = &mut self.turn;
        if turn.ours.is_empty() {
            return Ok(Some(event));
        }
        match event {
            StreamEvent::Text { text } if !text.is_empty() => {
                if self.said.len() + text.len() > MAX_ANSWER_BYTES {
                    return Err(round::too_long());
                }
                self.said.push_str(&text);
                let text = match std::mem::take(&mut self.due) {
                    true => format!("{BREAK}{text}"),
                    false => text,
                };
                Ok(Some(StreamEvent::Text { text }))
            }
            StreamEvent::ToolCall { index, id, name, arguments } => {
                self.calls.take(&turn.ours, index, ToolCall { id, name, arguments })
            }
            StreamEvent::Finish { reason, usage } => {
                turn.spend(usage);
                match std::mem::take(&mut self.calls).verdict(reason) {
                    Verdict::Over => Ok(Some(StreamEvent::Finish { reason, usage: turn.usage })),
                    Verdict::GoOn(calls) => {
                        let text = std::mem::take(&mut self.said);
                        self.due |= !text.is_empty();
                        let content = match text.is_empty() {
                            true => Vec::new(),
                            false => vec![Part::Text { text }],
                        };
                        // While tools are at work, this round keeps no place with the provider.
                        self.round.close();
                        turn.go_on(content, calls).await?;
                        self.round = turn.next_round().await?;
                        Ok(None)
                    }
                }
            }
            event => Ok(Some(event)),
        }
    }
}

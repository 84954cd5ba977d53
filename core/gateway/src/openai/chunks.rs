//! A streamed answer as server-sent events of `chat.completion.chunk`.

use loader_contract::text_inference::{self as contract, FinishReason, StreamEvent};
use serde::Serialize;

use super::{
    answer::{Heading, Usage, finish_reason},
    complaint::Complaint,
    to_json,
};

/// Writes the events of one streamed answer, in order.
#[derive(Debug)]
pub struct Chunks {
    heading: Heading,
    include_usage: bool,
    begun: bool,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    /// Left out unless usage was asked for; then `null` in every chunk but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// `null` in the first chunk of an answer that begins with a tool call.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[ToolCall<'a>; 1]>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    index: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    arguments: &'a str,
}

impl Chunks {
    /// Begins an answer.
    pub fn new(heading: Heading, include_usage: bool) -> Self {
        Self { heading, include_usage, begun: false }
    }

    /// Writes what one event of the provider becomes; empty when there is nothing to say. After
    /// `Finish` the answer is complete and nothing may follow.
    pub fn write(&mut self, event: &StreamEvent) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        if matches!(event, StreamEvent::Unknown) {
            return out;
        }
        if !std::mem::replace(&mut self.begun, true) {
            // Clients learn the role first, in a chunk that says nothing yet.
            let content = (!matches!(event, StreamEvent::ToolCall { .. })).then_some("");
            let delta =
                Delta { role: Some("assistant"), content: Some(content), ..Delta::default() };
            self.delta(&mut out, delta, None);
        }
        match event {
            StreamEvent::Text { text } if text.is_empty() => {}
            StreamEvent::Text { text } => {
                let delta = Delta { content: Some(Some(text)), ..Delta::default() };
                self.delta(&mut out, delta, None);
            }
            StreamEvent::ToolCall { index, id, name, arguments } => {
                let call = ToolCall {
                    index: *index,
                    id,
                    kind: (!id.is_empty()).then_some("function"),
                    function: Function { name, arguments },
                };
                let delta = Delta { tool_calls: Some([call]), ..Delta::default() };
                self.delta(&mut out, delta, None);
            }
            StreamEvent::Finish { reason, usage } => self.finish(&mut out, *reason, *usage),
            StreamEvent::Unknown => {}
        }
        out
    }

    /// Writes why the answer broke off. Nothing may follow, `[DONE]` least of all: it would make a
    /// broken answer look complete.
    pub fn write_failure(complaint: &Complaint) -> Vec<u8> {
        let mut out = Vec::new();
        push(&mut out, &complaint.to_json());
        out
    }

    fn finish(&self, out: &mut Vec<u8>, reason: FinishReason, usage: Option<contract::Usage>) {
        self.delta(out, Delta::default(), Some(finish_reason(reason)));
        if let (true, Some(usage)) = (self.include_usage, usage) {
            self.chunk(out, &[], Some(Some(usage.into())));
        }
        push(out, b"[DONE]");
    }

    fn delta(&self, out: &mut Vec<u8>, delta: Delta<'_>, finish_reason: Option<&'static str>) {
        let choice = Choice { index: 0, delta, logprobs: (), finish_reason };
        self.chunk(out, &[choice], self.include_usage.then_some(None));
    }

    fn chunk(&self, out: &mut Vec<u8>, choices: &[Choice<'_>], usage: Option<Option<Usage>>) {
        let chunk = Chunk {
            id: &self.heading.id,
            object: "chat.completion.chunk",
            created: self.heading.created,
            model: &self.heading.model,
            choices,
            usage,
        };
        push(out, &to_json(&chunk));
    }
}

/// Adds one server-sent event. JSON has no raw line breaks, so one line is enough.
fn push(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}

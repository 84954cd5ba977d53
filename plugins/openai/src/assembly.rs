//! From the chunks of one streamed answer to the contract's events.
//!
//! Keeps what a single chunk does not say: which tool calls have begun, why the model stopped, what
//! it cost. Pure.

use crate::wire::{
    ToolCall,
    answer::{Answer, settle},
};
use loader_sdk::contract::text_inference::{FinishReason, Part, StreamEvent, Usage};

/// The most bytes of text in one event. Even if JSON escapes each of them, the event stays below
/// the 1 MiB that a stream message may have.
const LARGEST_PIECE: usize = 128 * 1024;

/// What is known of an answer so far.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    calls: Vec<Begun>,
    said_something: bool,
    /// The server's mark that nothing more comes.
    ended: bool,
    reason: Option<FinishReason>,
    usage: Option<Usage>,
}

/// A tool call that has begun. Its position is its index in the contract.
#[derive(Debug)]
struct Begun {
    /// What the server calls it.
    index: Option<u32>,
    id: String,
    named: bool,
}

impl Assembly {
    /// Takes one chunk, or a whole answer, and returns the events in it.
    pub(crate) fn take(&mut self, answer: Answer) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        if let Some(usage) = answer.usage {
            self.usage = Some(usage.into());
        }
        for choice in answer.choices.into_iter().filter(|choice| choice.index == 0) {
            self.reason = choice.finish().or(self.reason);
            let mut said = choice.into_said();
            for part in said.take_parts() {
                // The contract has no event for an image.
                if let Part::Text { text } = part {
                    let texts = pieces(&text).map(str::to_owned);
                    events.extend(texts.map(|text| StreamEvent::Text { text }));
                }
            }
            for call in said.tool_calls {
                self.take_call(call, &mut events);
            }
        }
        events.retain(|event| !matches!(event, StreamEvent::Text { text } if text.is_empty()));
        self.said_something |= !events.is_empty();
        events
    }

    /// The server said that nothing more comes.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the model has stopped, so that only usage and the end mark may be missing.
    pub(crate) fn has_stopped(&self) -> bool {
        self.reason.is_some()
    }

    /// The last event, or `None` when the answer was cut off.
    pub(crate) fn finish(self) -> Option<StreamEvent> {
        let complete = self.has_stopped() || (self.ended && self.said_something);
        let reason = settle(self.reason, !self.calls.is_empty());
        complete.then_some(StreamEvent::Finish { reason, usage: self.usage })
    }

    /// Tells a call's id and name once, as the contract wants it; some servers repeat them.
    fn take_call(&mut self, call: ToolCall, events: &mut Vec<StreamEvent>) {
        let position = self.position_of(&call);
        let begun = &mut self.calls[position];
        let id = if begun.id.is_empty() { call.id } else { String::new() };
        let name = if begun.named { String::new() } else { call.function.name };
        begun.id.push_str(&id);
        begun.named |= !name.is_empty();
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        let (mut id, mut name) = (Some(id), Some(name));
        for arguments in pieces(&call.function.arguments) {
            events.push(StreamEvent::ToolCall {
                index,
                id: id.take().unwrap_or_default(),
                name: name.take().unwrap_or_default(),
                arguments: arguments.to_owned(),
            });
        }
    }

    /// Finds the call that a piece goes on with, or begins one.
    ///
    /// Servers that number every call zero, or none at all, are told apart by ids and names: a piece
    /// with a new id and a name begins a call.
    fn position_of(&mut self, call: &ToolCall) -> usize {
        let known = match call.index {
            Some(index) => self.calls.iter().rposition(|begun| begun.index == Some(index)),
            None => self.calls.len().checked_sub(1),
        };
        let goes_on = known.filter(|position| {
            let begun = &self.calls[*position];
            let new_id = !call.id.is_empty() && !begun.id.is_empty() && call.id != begun.id;
            !(new_id && begun.named && !call.function.name.is_empty())
        });
        goes_on.unwrap_or_else(|| {
            self.calls.push(Begun { index: call.index, id: String::new(), named: false });
            self.calls.len() - 1
        })
    }
}

/// Cuts a text into pieces that fit into an event each. An empty text is one empty piece.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if text.len() <= LARGEST_PIECE {
            return Some(text);
        }
        let mut cut = LARGEST_PIECE;
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let (piece, after) = text.split_at(cut);
        rest = Some(after);
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The events of a stream of chunks, the last one included.
    fn events(chunks: &[Value], ended: bool) -> (Vec<StreamEvent>, Option<StreamEvent>) {
        let mut assembly = Assembly::default();
        let mut events = Vec::new();
        for chunk in chunks {
            let chunk = serde_json::from_value(chunk.clone()).expect("a chunk");
            events.extend(assembly.take(chunk));
        }
        if ended {
            assembly.end();
        }
        (events, assembly.finish())
    }

    fn delta(delta: Value) -> Value {
        json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
    }

    fn stop(reason: &str) -> Value {
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] })
    }

    fn text(text: &str) -> StreamEvent {
        StreamEvent::Text { text: text.into() }
    }

    fn call(index: u32, id: &str, name: &str, arguments: &str) -> StreamEvent {
        StreamEvent::ToolCall {
            index,
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
        }
    }

    fn piece(index: Value, id: &str, name: &str, arguments: &str) -> Value {
        let function = json!({ "name": name, "arguments": arguments });
        delta(json!({ "tool_calls": [{ "index": index, "id": id, "function": function }] }))
    }

    #[test]
    fn text_usage_and_reason_become_events() {
        let (events, finish) = events(
            &[
                delta(json!({ "role": "assistant", "content": "" })),
                delta(json!({ "content": "he" })),
                delta(json!({ "content": null })),
                delta(json!({ "content": "llo" })),
                stop("length"),
                json!({ "choices": [], "usage": { "prompt_tokens": 2, "completion_tokens": 1 } }),
            ],
            true,
        );
        assert_eq!(events, [text("he"), text("llo")]);
        let usage = Some(Usage { input_tokens: 2, output_tokens: 1 });
        assert_eq!(finish, Some(StreamEvent::Finish { reason: FinishReason::Length, usage }));
    }

    #[test]
    fn an_answer_is_complete_with_a_reason_or_with_content_and_the_end_mark() {
        let said = delta(json!({ "content": "hi" }));
        let silent = delta(json!({ "role": "assistant" }));
        assert!(events(&[said.clone(), stop("stop")], false).1.is_some());
        assert!(events(std::slice::from_ref(&said), true).1.is_some());
        assert!(events(&[stop("stop")], false).1.is_some());
        assert!(events(&[said], false).1.is_none());
        assert!(events(&[silent], true).1.is_none());
        assert!(events(&[], true).1.is_none());
    }

    #[test]
    fn parallel_tool_calls_keep_their_places() {
        let (events, finish) = events(
            &[
                piece(json!(0), "a", "f", ""),
                piece(json!(0), "", "", "{1"),
                piece(json!(1), "b", "g", "{2"),
                piece(json!(0), "", "", "}"),
                piece(json!(1), "", "", "}"),
                stop("stop"),
            ],
            true,
        );
        assert_eq!(
            events,
            [
                call(0, "a", "f", ""),
                call(0, "", "", "{1"),
                call(1, "b", "g", "{2"),
                call(0, "", "", "}"),
                call(1, "", "", "}"),
            ]
        );
        let reason = FinishReason::ToolCalls;
        assert_eq!(finish, Some(StreamEvent::Finish { reason, usage: None }));
    }

    #[test]
    fn an_id_or_a_name_that_is_repeated_is_told_once() {
        let pieces = [piece(json!(0), "a", "f", "{"), piece(json!(0), "a", "f", "}")];
        assert_eq!(events(&pieces, true).0, [call(0, "a", "f", "{"), call(0, "", "", "}")]);
    }

    #[test]
    fn calls_that_are_not_numbered_are_told_apart_by_their_ids() {
        for index in [json!(0), json!(null)] {
            let pieces = [
                piece(index.clone(), "a", "f", "{}"),
                piece(index.clone(), "b", "f", "{"),
                piece(index, "", "", "}"),
            ];
            let expected = [call(0, "a", "f", "{}"), call(1, "b", "f", "{"), call(1, "", "", "}")];
            assert_eq!(events(&pieces, true).0, expected);
        }
    }

    #[test]
    fn a_number_far_off_does_not_reserve_the_numbers_before_it() {
        let pieces = [piece(json!(4_000_000_000_u32), "a", "f", "{}")];
        assert_eq!(events(&pieces, true).0, [call(0, "a", "f", "{}")]);
    }

    #[test]
    fn only_the_first_choice_counts() {
        let chunk = json!({ "choices": [
            { "index": 1, "delta": { "content": "other" }, "finish_reason": "stop" },
            { "index": 0, "delta": { "content": "first" } },
        ] });
        assert_eq!(events(&[chunk], false), (vec![text("first")], None));
    }

    #[test]
    fn a_refusal_is_text() {
        assert_eq!(events(&[delta(json!({ "refusal": "no" }))], true).0, [text("no")]);
    }

    #[test]
    fn a_text_too_long_for_one_event_is_cut_between_characters() {
        let long = "x".to_owned() + &"é".repeat(LARGEST_PIECE);
        let (events, _) = events(&[delta(json!({ "content": long.clone() }))], true);
        let texts: Vec<_> = events
            .into_iter()
            .map(|event| match event {
                StreamEvent::Text { text } => text,
                other => panic!("{other:?} is no text"),
            })
            .collect();
        assert_eq!(texts.len(), 3);
        assert!(texts.iter().all(|text| text.len() <= LARGEST_PIECE));
        assert_eq!(texts.concat(), long);
    }
}

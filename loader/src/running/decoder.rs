//! Server-sent events of `chat.completion.chunk` back into the contract's events.

use loader_contract::text_inference::{FinishReason, StreamEvent, Usage, code};
use serde_json::Value;

use crate::finding::Finding;

/// The longest event that is waited for, in bytes. The gateway's own are far shorter.
const LONGEST_EVENT: usize = 4 * 1024 * 1024;

/// Decodes one answer, however its bytes are cut into pieces.
#[derive(Default)]
pub(super) struct Decoder {
    /// What came of the event that is not whole yet.
    buffer: Vec<u8>,
    reason: FinishReason,
    usage: Option<Usage>,
    finished: bool,
}

impl Decoder {
    /// Whether nothing more is to come: the answer is complete, or it ended with an error.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The events that these bytes complete.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Vec<Result<StreamEvent, Finding>> {
        let mut events = Vec::new();
        // Only the new bytes, and the one before them, can complete the end of an event.
        let mut searched = self.buffer.len().saturating_sub(1);
        let mut received = std::mem::take(&mut self.buffer);
        received.extend_from_slice(bytes);
        let mut rest = &received[..];
        while let Some(length) = rest[searched..].windows(2).position(|end| end == b"\n\n") {
            let (event, after) = rest.split_at(searched + length);
            self.event(event, &mut events);
            rest = &after[2..];
            searched = 0;
        }
        if rest.len() > LONGEST_EVENT {
            self.end(&mut events, garbled());
        }
        if !self.finished {
            self.buffer = rest.to_vec();
        }
        events
    }

    /// Why there is no more of the answer.
    pub(super) fn cut_off(&mut self) -> Finding {
        self.finished = true;
        let message = "the gateway went away before the answer was complete";
        Finding::error(code::UPSTREAM_CUT_OFF, message).hint("see the gateway's log")
    }

    fn event(&mut self, event: &[u8], events: &mut Vec<Result<StreamEvent, Finding>>) {
        if self.finished {
            return;
        }
        // The gateway writes one line of data in each event; whatever else there is, is a comment.
        let lines = event.split(|byte| *byte == b'\n');
        for data in lines.filter_map(|line| line.strip_prefix(b"data: ")) {
            if data == b"[DONE]" {
                self.finished = true;
                events.push(Ok(StreamEvent::Finish { reason: self.reason, usage: self.usage }));
                return;
            }
            let Ok(chunk) = serde_json::from_slice::<Value>(data) else {
                return self.end(events, garbled());
            };
            if let Some(error) = complaint(&chunk) {
                return self.end(events, error);
            }
            self.chunk(&chunk, events);
        }
    }

    fn chunk(&mut self, chunk: &Value, events: &mut Vec<Result<StreamEvent, Finding>>) {
        let choice = &chunk["choices"][0];
        if let Some(text) = choice["delta"]["content"].as_str().filter(|text| !text.is_empty()) {
            events.push(Ok(StreamEvent::Text { text: text.to_owned() }));
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.reason = match reason {
                "stop" => FinishReason::Stop,
                "length" => FinishReason::Length,
                "tool_calls" => FinishReason::ToolCalls,
                "content_filter" => FinishReason::ContentFilter,
                _ => FinishReason::Unknown,
            };
        }
        if let Some(usage) = chunk["usage"].as_object() {
            let tokens = |name| usage.get(name).and_then(Value::as_u64).unwrap_or_default();
            self.usage = Some(Usage {
                input_tokens: tokens("prompt_tokens"),
                output_tokens: tokens("completion_tokens"),
            });
        }
    }

    fn end(&mut self, events: &mut Vec<Result<StreamEvent, Finding>>, error: Finding) {
        self.finished = true;
        events.push(Err(error));
    }
}

/// The error an answer of the gateway tells of.
pub(super) fn complaint(answer: &Value) -> Option<Finding> {
    let error = answer.get("error")?.as_object()?;
    let said = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let more = error.get("loader").and_then(Value::as_object);
    let more = |name| said(more.and_then(|more| more.get(name)));
    let code = Some(more("code")).filter(|code| !code.is_empty());
    let finding = Finding::error("LDR-RUN-UNUSABLE", said(error.get("message")));
    Some(Finding {
        code: code.unwrap_or_else(|| said(error.get("code"))).into(),
        plugin: more("origin").strip_prefix("plugin:").map(str::to_owned),
        hint: Some(more("hint")).filter(|hint| !hint.is_empty()),
        class: more("class").into(),
        ..finding
    })
}

fn garbled() -> Finding {
    Finding::error("LDR-RUN-UNUSABLE", "the gateway sent something that makes no sense")
        .hint("see that it is the same version of loader: loader --version")
}

#[cfg(test)]
mod tests {
    use loader_abi::class;
    use loader_core::message::Failure;
    use loader_gateway::openai::{Chunks, Complaint, Heading};
    use proptest::prelude::*;

    use super::*;

    fn heading() -> Heading {
        Heading { id: "chatcmpl-1".into(), created: 1, model: "echo/echo".into() }
    }

    fn text(text: &str) -> StreamEvent {
        StreamEvent::Text { text: text.to_owned() }
    }

    fn finish(reason: FinishReason) -> StreamEvent {
        let usage = Some(Usage { input_tokens: 3, output_tokens: 5 });
        StreamEvent::Finish { reason, usage }
    }

    /// Decodes bytes that arrive cut at these places.
    fn decode(bytes: &[u8], cuts: &[usize]) -> Vec<Result<StreamEvent, Finding>> {
        let mut decoder = Decoder::default();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut events = Vec::new();
        let mut start = 0;
        for end in cuts.into_iter().chain([bytes.len()]) {
            events.extend(decoder.decode(&bytes[start..end]));
            start = end;
        }
        if !decoder.is_finished() {
            events.push(Err(decoder.cut_off()));
        }
        events
    }

    proptest! {
        #[test]
        fn what_the_gateway_writes_is_read_back_however_it_is_cut(
            texts in prop::collection::vec("[^\\x00]{1,20}", 0..5),
            cuts in prop::collection::vec(any::<usize>(), 0..8),
            reason in prop::sample::select(vec![
                FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter,
            ]),
        ) {
            let mut events: Vec<StreamEvent> = texts.iter().map(|each| text(each)).collect();
            events.push(finish(reason));
            let mut chunks = Chunks::new(heading(), true);
            let bytes: Vec<u8> = events.iter().flat_map(|event| chunks.write(event)).collect();
            let decoded: Vec<_> = decode(&bytes, &cuts).into_iter().map(Result::ok).collect();
            let expected: Vec<_> = events.into_iter().map(Some).collect();
            prop_assert_eq!(decoded, expected);
        }

        #[test]
        fn no_bytes_make_it_panic_or_go_on_forever(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::vec(any::<usize>(), 0..4),
        ) {
            let mut framed = b"data: ".to_vec();
            framed.extend(bytes);
            framed.extend(b"\n\n");
            prop_assert!(decode(&framed, &cuts).last().is_some());
        }
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        let mut chunks = Chunks::new(heading(), true);
        let mut bytes = chunks.write(&text("half"));
        let events = decode(&bytes, &[]);
        assert_eq!(events[0], Ok(text("half")));
        assert_eq!(events[1].as_ref().map_err(|error| &*error.code), Err(code::UPSTREAM_CUT_OFF));
        // Nor is one complete whose reason came but whose end did not.
        bytes.extend(chunks.write(&finish(FinishReason::Stop)));
        let end = bytes.len() - b"data: [DONE]\n\n".len();
        assert!(decode(&bytes[..end], &[]).last().is_some_and(Result::is_err));
    }

    #[test]
    fn an_error_within_the_answer_keeps_its_code_hint_and_plugin() {
        let mut failure = Failure::new(class::EXHAUSTED, code::RATE_LIMITED, "too many requests")
            .hint("try again later");
        failure.origin = "plugin:openai".to_owned();
        let mut bytes = Chunks::new(heading(), true).write(&text("a"));
        bytes.extend(Chunks::write_failure(&Complaint::from(failure.clone())));
        bytes.extend(b"data: [DONE]\n\n");
        let events = decode(&bytes, &[]);
        assert_eq!(events, [Ok(text("a")), Err(Finding::from(failure))]);
    }

    #[test]
    fn an_error_of_another_server_is_shown_as_it_stands() {
        let finding = complaint(&serde_json::json!({ "error": { "message": "no", "code": "x" } }));
        let finding = finding.expect("it is an error");
        assert_eq!((&*finding.code, &*finding.message), ("x", "no"));
        assert_eq!((finding.hint, finding.plugin), (None, None));
    }
}

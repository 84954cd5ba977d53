//! What a chat prints: the answers for people, or every event as one line of JSON.

use std::io;

use loader_contract::text_inference::{FinishReason, StreamEvent};
use serde_json::{Value, json};

use crate::finding::Finding;
use crate::output::Output;

/// What a chat prints.
pub(super) struct Transcript<'a> {
    output: &'a Output,
    /// Whether the answer under way has left the cursor in the middle of a line.
    within_line: bool,
}

impl<'a> Transcript<'a> {
    pub(super) fn new(output: &'a Output) -> Self {
        Self { output, within_line: false }
    }

    /// Says with whom the conversation is.
    pub(super) fn greet(&self, partner: &str) {
        self.note(&format!("{partner}. Ctrl-C cancels an answer, Ctrl-D ends the chat.\n"));
    }

    /// Asks for the next line.
    pub(super) fn prompt(&self) {
        self.note("> ");
    }

    /// Says something to people that is not part of the answer.
    pub(super) fn note(&self, text: &str) {
        if !self.output.is_json() {
            self.output.note(text);
        }
    }

    /// An answer is asked for.
    pub(super) fn begin(&mut self, model: &str) -> io::Result<()> {
        self.within_line = false;
        if self.output.is_json() {
            let model = Some(model).filter(|model| !model.is_empty());
            self.event(json!({ "type": "start", "schema": "loader.chat/1", "model": model }))?;
        }
        Ok(())
    }

    /// A piece of the answer came.
    pub(super) fn piece(&mut self, event: &StreamEvent) -> io::Result<()> {
        if self.output.is_json() {
            return self.event(json!(event));
        }
        match event {
            StreamEvent::Text { text } => {
                if !text.is_empty() {
                    self.within_line = !text.ends_with('\n');
                }
                self.output.write_for_people(text)
            }
            StreamEvent::Finish { reason, .. } => {
                self.end_line()?;
                let cut = match reason {
                    FinishReason::Length => "the answer reached the limit of its length",
                    FinishReason::ContentFilter => "the provider's filter ended the answer",
                    FinishReason::ToolCalls => {
                        "the model wants to call tools, which a chat has none of"
                    }
                    _ => return Ok(()),
                };
                self.output.report(&[Finding::warning("LDR-CHAT-FINISH", cut)]);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Why plugins did not start, for people: the programs' events have one error each.
    pub(super) fn troubles(&self, findings: &[Finding]) {
        if !self.output.is_json() {
            self.output.report(findings);
        }
    }

    /// The answer failed.
    pub(super) fn failed(&mut self, finding: &Finding) -> io::Result<()> {
        if self.output.is_json() {
            return self.event(json!({ "type": "error", "error": finding }));
        }
        self.end_line()?;
        self.output.report(std::slice::from_ref(finding));
        Ok(())
    }

    /// The answer was cancelled.
    pub(super) fn cancelled(&mut self) -> io::Result<()> {
        if self.output.is_json() {
            return self.event(json!({ "type": "cancelled" }));
        }
        self.end_line()?;
        self.output.note("(cancelled)\n");
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.within_line) { self.output.write("\n") } else { Ok(()) }
    }

    fn event(&self, event: Value) -> io::Result<()> {
        self.output.write(&format!("{event}\n"))
    }
}

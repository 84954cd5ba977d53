//! Messages that begin with `/name`: a plugin's to answer, if one owns the name.

use std::io;

use loader_contract::chat_command::{CONTRACT, ChatCommand, ChatReply, code, method};
use loader_contract::text_inference::{FinishReason, StreamEvent};

use super::Conversation;
use crate::exit_code::Exit;

/// The channel, the conversation in it, and the sender that a terminal is.
const TERMINAL: &str = "cli";

impl Conversation<'_> {
    /// Has a command answered. Nothing when the message is none, or nobody owns its name: then it is a
    /// model's to answer.
    pub(super) async fn command(&mut self, message: &str) -> io::Result<Option<Exit>> {
        let Some(command) = ChatCommand::read(message) else { return Ok(None) };
        let here = || TERMINAL.to_owned();
        let command =
            ChatCommand { channel: here(), conversation: here(), sender: here(), ..command };
        let operation = format!("{CONTRACT}/{}", method::RUN);
        let answered = tokio::select! {
            answered = self.partner.answer::<ChatReply>(&operation, &command) => answered,
            _ = self.interrupt.recv() => {
                self.transcript.begin("")?;
                self.transcript.cancelled()?;
                return Ok(Some(Exit::Interrupted));
            }
        };
        match answered {
            Err(finding) if finding.code == code::UNKNOWN_COMMAND => Ok(None),
            Err(finding) => {
                self.transcript.begin("")?;
                self.transcript.failed(&finding)?;
                Ok(Some(Exit::Failure))
            }
            Ok(ChatReply { text }) => {
                self.transcript.begin("")?;
                self.transcript.piece(&StreamEvent::Text { text })?;
                let reason = FinishReason::Stop;
                self.transcript.piece(&StreamEvent::Finish { reason, usage: None })?;
                Ok(Some(Exit::Success))
            }
        }
    }
}

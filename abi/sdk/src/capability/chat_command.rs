//! `chat-command/1`: see [`loader_contract::chat_command`].

use crate::{Call, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::chat_command::CONTRACT;
use loader_contract::chat_command::{ChatCommand as Command, ChatReply, method};
use std::future::Future;

/// A plugin that answers `/name` in chats. [`Call::capability`] says which command is meant.
///
/// ```no_run
#[doc = include_str!("../../examples/chat_command.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/chat_command.toml")]
/// ```
pub trait ChatCommand: Plugin {
    /// Answers the command.
    fn answer(
        &self,
        call: Call,
        command: Command,
    ) -> impl Future<Output = Result<ChatReply>> + Send;
}

impl<P: ChatCommand> Registration<P> {
    /// Provides `chat-command/1` under this id.
    #[must_use]
    pub fn chat_command(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| match name {
                method::RUN => Some(invocation.answer_json(move |call, command| async move {
                    plugin.answer(call, command).await
                })),
                _ => None,
            },
            open: |_, _, _, _| None,
        })
    }
}

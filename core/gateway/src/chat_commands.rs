//! Chat commands: `chat-command/1`. A message that begins with `/name` goes to the plugin that owns the
//! name, whichever channel it comes from.
//!
//! A name that nobody owns is no command: the message is a model's to answer. `/help` lists the commands,
//! unless a plugin owns `help` itself.

use crate::desk::Desk;
use loader_abi::class;
use loader_contract::chat_command::{CONTRACT, ChatCommand, ChatReply, code, method};
use loader_core::{
    CallOptions, Capability, Snapshot,
    message::{Failure, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
};
use serde_json::Value;
use std::sync::Arc;

/// The command that the gateway answers where no plugin does.
const HELP: &str = "help";

/// The chat commands of every plugin.
#[derive(Clone)]
pub(crate) struct ChatCommands {
    desk: Arc<Desk>,
}

impl ChatCommands {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// The command that a text is, if somebody answers it.
    pub(crate) fn read(&self, text: &str) -> Option<ChatCommand> {
        let command = ChatCommand::read(text)?;
        let snapshot = self.desk.engine().ok()?.snapshot();
        let is_known =
            command.name == HELP || snapshot.capability(CONTRACT, &command.name).is_some();
        is_known.then_some(command)
    }

    /// Has a command answered by whoever owns its name.
    pub(crate) async fn run(
        &self,
        options: CallOptions,
        mut command: ChatCommand,
    ) -> Result<ChatReply, Failure> {
        let engine = self.desk.engine()?;
        let snapshot = engine.snapshot();
        let Some(owner) = snapshot.capability(CONTRACT, &command.name) else {
            return match command.name.as_str() {
                HELP => Ok(ChatReply { text: help(&snapshot) }),
                name => Err(unknown(name)),
            };
        };
        command.name.clone_from(&owner.id);
        engine.target(CONTRACT, Some(&owner.id), method::RUN)?.ask(options, &command).await
    }
}

/// Every command in a line of its own.
fn help(snapshot: &Snapshot) -> String {
    let said = |one: &Capability, key: &str| {
        one.attributes.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let line = |one: &Arc<Capability>| {
        let written = format!("/{} {}", one.id, said(one, "usage"));
        format!("{}: {}\n", written.trim_end(), said(one, "about"))
    };
    let commands: String = snapshot.capabilities(CONTRACT).map(line).collect();
    format!("{commands}/{HELP}: Lists the commands.")
}

fn unknown(name: &str) -> Failure {
    let message = format!("there is no command `/{}`", name.escape_debug());
    Failure::new(class::NOT_FOUND, code::UNKNOWN_COMMAND, message).hint("/help lists them all")
}

impl Service for ChatCommands {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let commands = self.clone();
        match request.method.as_str() {
            method::RUN => Answer::later(async move {
                let command: ChatCommand = from_json(&request.body)?;
                Reply::json(&commands.run(request.options, command).await?)
            }),
            method => Answer::unimplemented(CONTRACT, method),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_plugins_only_help_is_there() {
        assert_eq!(help(&Snapshot::default()), "/help: Lists the commands.");
    }
}

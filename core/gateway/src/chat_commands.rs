//! Chat commands: `chat-command/1`. A message that begins with `/name` goes to the plugin that owns the
//! name, whichever channel it comes from.
//!
//! A name that nobody owns is no command: the message is a model's to answer. `/help` lists the commands,
//! unless a plugin owns `help` itself.

use crate::desk::Desk;
use loader_abi::class;
use loader_contract::chat_command::{CONTRACT, ChatCommand, ChatReply, code, method};
use loader_core::{
    CallOptions, Capability, Engine, Snapshot,
    message::{Failure, Metadata, Reply, from_json},
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
        let (name, arguments) = split(text)?;
        let engine = self.desk.engine().ok()?;
        let is_known = name == HELP || owner(&engine.snapshot(), name).is_some();
        is_known.then(|| ChatCommand {
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            ..ChatCommand::default()
        })
    }

    /// Has a command answered by whoever owns its name.
    pub(crate) async fn run(
        &self,
        options: CallOptions,
        mut command: ChatCommand,
    ) -> Result<ChatReply, Failure> {
        let engine = self.desk.engine()?;
        let snapshot = engine.snapshot();
        let Some(owner) = owner(&snapshot, &command.name) else {
            return match command.name.as_str() {
                HELP => Ok(ChatReply { text: help(&snapshot) }),
                name => Err(unknown(name)),
            };
        };
        command.name.clone_from(&owner.id);
        ask(&engine, options, &command).await
    }
}

async fn ask(
    engine: &Engine,
    options: CallOptions,
    command: &ChatCommand,
) -> Result<ChatReply, Failure> {
    let target = engine.target(CONTRACT, Some(&command.name), method::RUN)?;
    let body = serde_json::to_vec(command)
        .map_err(|error| Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string()))?;
    from_json(&target.call(options, Metadata::new(), body).await?.body)
}

/// The name and the arguments of a text that is written like a command.
fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim_start().strip_prefix('/')?;
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    (!name.is_empty()).then_some((name, arguments.trim()))
}

/// The capability of this name, or the first that goes by it too.
fn owner<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a Capability> {
    if let Some(owner) = snapshot.capability(CONTRACT, name) {
        return Some(owner);
    }
    let goes_by = |one: &&Arc<Capability>| {
        let aliases = one.attributes.get("aliases").and_then(Value::as_array);
        aliases.is_some_and(|aliases| aliases.iter().any(|alias| alias == name))
    };
    snapshot.capabilities(CONTRACT).find(goes_by).map(|owner| &**owner)
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
    fn a_command_is_a_slash_and_a_name() {
        assert_eq!(split("/remind 10m  tea "), Some(("remind", "10m  tea")));
        assert_eq!(split("  /help"), Some(("help", "")));
        assert_eq!(split("/remind\nlist"), Some(("remind", "list")));
        for text in ["remind 10m tea", "", "/", "/ remind", "see /remind"] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn without_plugins_only_help_is_there() {
        assert_eq!(help(&Snapshot::default()), "/help: Lists the commands.");
        assert!(owner(&Snapshot::default(), HELP).is_none());
    }
}

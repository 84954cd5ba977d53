//! `chat-command/1`: a command that people write in a chat: `/name arguments`. The capability's id is
//! the command's name without the slash.
//!
//! One method, `run`: takes a [`ChatCommand`], answers a [`ChatReply`]. A message that begins with a
//! slash and a name that a plugin owns, or an alias of it, goes to it from every channel instead of to a
//! model. A name that nobody owns is a model's to answer. The host answers `/help` with a line for each
//! command, unless a plugin owns that name.
//!
//! An error is said in the chat as well, in one line with its code: what is written wrongly is
//! `Error::invalid`, and no defect of the plugin's. An answer has at most [`MAX_REPLY_BYTES`]: nobody cuts
//! a longer one, and its channel sends it in as many messages as it takes.
//!
//! The host serves `run` of the same contract: `name` says which command is meant.

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method},
    contract_types,
};

/// The contract's name.
pub const CONTRACT: &str = "chat-command/1";

/// Methods.
pub mod method {
    /// Answers the command.
    pub const RUN: &str = "run";
}

/// Error codes of this contract.
pub mod code {
    /// Nobody owns the name. Class not-found.
    pub const UNKNOWN_COMMAND: &str = "unknown_command";
}

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    clash: "LDR-CONFLICT-CHAT-COMMAND",
    methods: &[Method::call(method::RUN, "Answers the command.")],
    attributes: &[
        Attribute::new("about", Form::Text, "What the command does; one line.").required(),
        Attribute::new("usage", Form::Text, "How its arguments are written: `<city> [days]`."),
    ],
    ..Contract::new(CONTRACT, Class::Surface, "Answers a command that people write in a chat.")
};

/// The most bytes of an answer's text.
pub const MAX_REPLY_BYTES: usize = 16 * 1024;

contract_types! {
    /// The request of `run`.
    #[derive(Default)]
    pub struct ChatCommand {
        /// The command's name as the manifest has it, whichever alias was written.
        #[serde(default)]
        pub name: String,
        /// What was written after the name, without the blanks around it.
        #[serde(default)]
        pub arguments: String,
        /// The channel, `cli` where it was no channel.
        #[serde(default)]
        pub channel: String,
        /// The account.
        #[serde(default)]
        pub account: String,
        /// The conversation's id.
        #[serde(default)]
        pub conversation: String,
        /// Who wrote it: the sender's id.
        #[serde(default)]
        pub sender: String,
    }

    /// The answer to `run`.
    #[derive(Default)]
    pub struct ChatReply {
        /// What to answer, at most 16 KiB; empty for nothing.
        #[serde(default)]
        pub text: String,
    }
}

impl ChatCommand {
    /// The command that a text is written like, whoever owns its name.
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.trim_start().strip_prefix('/')?;
        let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (name, arguments) = (name.to_owned(), arguments.trim().to_owned());
        (!name.is_empty()).then(|| Self { name, arguments, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_slash_and_a_name() {
        let read = |text| ChatCommand::read(text).map(|it| format!("{}|{}", it.name, it.arguments));
        assert_eq!(read("/remind 10m  tea "), Some("remind|10m  tea".to_owned()));
        assert_eq!(read("  /help"), Some("help|".to_owned()));
        assert_eq!(read("/remind\nlist"), Some("remind|list".to_owned()));
        for text in ["remind 10m tea", "", "/", "/ remind", "see /remind"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

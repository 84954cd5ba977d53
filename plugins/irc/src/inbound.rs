//! What people say: which messages are for us, and what of them the gateway gets to see.

use crate::settings::Trigger;
use crate::{command::line, formatting, isupport::Isupport, message::Message, server_time};
use loader_sdk::contract::channel::{Conversation, ConversationKind, InboundMessage, Person};
use std::collections::BTreeSet;

/// The delimiter of client-to-client commands (CTCP).
const DELIMITER: char = '\u{1}';

/// The longest part of a CTCP request that is sent back, in characters.
const MAX_ECHO: usize = 64;

/// Who listens, and where.
#[derive(Debug, Clone, Copy)]
pub struct Ears<'a> {
    /// The account's name.
    pub account: &'a str,
    /// Our nick.
    pub nick: &'a str,
    /// What the server said of itself.
    pub isupport: &'a Isupport,
    /// The channels we are in, folded.
    pub joined: &'a BTreeSet<String>,
    /// Which messages in channels are meant for us.
    pub trigger: Trigger,
}

/// What a `PRIVMSG` comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Not for us, or nothing in it.
    Nothing,
    /// Something for the gateway. Its time is zero unless the server gave one.
    Message(Box<InboundMessage>),
    /// A client's question, answered by this line.
    Reply(String),
}

impl Ears<'_> {
    /// Understands a `PRIVMSG`.
    pub fn hear(&self, message: &Message) -> Heard {
        let (sender, target) = (message.nick(), message.param(0));
        let casemapping = self.isupport.casemapping;
        if sender.is_empty() || message.params.len() < 2 || casemapping.same(sender, self.nick) {
            return Heard::Nothing;
        }
        let (conversation, kind) = match self.isupport.channel_of(target) {
            Some(channel) if self.joined.contains(&casemapping.fold(channel)) => {
                (target, ConversationKind::Group)
            }
            None if casemapping.same(target, self.nick) => (sender, ConversationKind::Direct),
            _ => return Heard::Nothing,
        };
        let text = match client_command(message.text()) {
            Some(("ACTION", action)) => action,
            Some((command, argument)) => return answer(sender, command, argument),
            None => message.text(),
        };
        let text = formatting::strip(text);
        let spoken_to = self.without_address(&text);
        let said = spoken_to.unwrap_or(&text).trim();
        if said.is_empty() {
            return Heard::Nothing;
        }
        let direct = kind == ConversationKind::Direct;
        Heard::Message(Box::new(InboundMessage {
            account: self.account.to_owned(),
            conversation: Conversation { id: casemapping.fold(conversation), kind },
            sender: Person { id: casemapping.fold(sender), name: sender.to_owned() },
            text: said.to_owned(),
            message_id: message.tag("msgid").unwrap_or_default().to_owned(),
            timestamp_ms: message.tag("time").and_then(server_time::parse).unwrap_or_default(),
            addressed: direct || spoken_to.is_some() || self.trigger == Trigger::All,
            ..InboundMessage::default()
        }))
    }

    /// The text behind `nick:` or `nick,`, if it begins so.
    fn without_address<'a>(&self, text: &'a str) -> Option<&'a str> {
        let (address, rest) = text.split_at_checked(self.nick.len())?;
        let rest = rest.strip_prefix([':', ','])?;
        self.isupport.casemapping.same(address, self.nick).then_some(rest)
    }
}

/// Takes a client-to-client command apart.
fn client_command(text: &str) -> Option<(&str, &str)> {
    let command = text.strip_prefix(DELIMITER)?;
    let command = command.strip_suffix(DELIMITER).unwrap_or(command);
    Some(command.split_once(' ').unwrap_or((command, "")))
}

/// Answers what clients ask of each other; by NOTICE, which nobody answers.
fn answer(sender: &str, command: &str, argument: &str) -> Heard {
    let answer = match command {
        "VERSION" => concat!("loader irc ", env!("CARGO_PKG_VERSION")).to_owned(),
        "PING" => argument.chars().filter(|one| !one.is_control()).take(MAX_ECHO).collect(),
        _ => return Heard::Nothing,
    };
    let answer = format!("{DELIMITER}{command} {answer}{DELIMITER}");
    Heard::Reply(line("NOTICE", &[sender], Some(&answer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear_as(trigger: Trigger, line: &str) -> Heard {
        let isupport = Isupport { status_prefixes: "@".into(), ..Isupport::default() };
        let joined = BTreeSet::from(["#room{1}".to_owned()]);
        let ears =
            Ears { account: "home", nick: "Bot", isupport: &isupport, joined: &joined, trigger };
        ears.hear(&Message::parse(line.as_bytes()).expect("a message"))
    }

    fn message(line: &str) -> InboundMessage {
        match hear_as(Trigger::Addressed, line) {
            Heard::Message(message) => *message,
            other => panic!("expected a message, not {other:?}"),
        }
    }

    #[test]
    fn a_channel_message_belongs_to_the_folded_channel() {
        let heard = message("@time=2011-10-19T16:40:51.620Z;msgid=x1 :Al!u@h PRIVMSG #Room[1] :hi");
        assert_eq!(heard.account, "home");
        assert_eq!(heard.conversation.id, "#room{1}");
        assert_eq!(heard.conversation.kind, ConversationKind::Group);
        assert_eq!((heard.sender.id.as_str(), heard.sender.name.as_str()), ("al", "Al"));
        assert_eq!((heard.message_id.as_str(), heard.timestamp_ms), ("x1", 1_319_042_451_620));
        assert!(!heard.addressed);
    }

    #[test]
    fn a_direct_message_belongs_to_its_sender_and_is_for_us() {
        let heard = message(":Al!u@h PRIVMSG bot :hi");
        assert_eq!(heard.conversation.id, "al");
        assert_eq!(heard.conversation.kind, ConversationKind::Direct);
        assert!(heard.addressed);
        assert_eq!(heard.timestamp_ms, 0);
    }

    #[test]
    fn an_address_is_seen_and_taken_off() {
        for (said, text, addressed) in [
            ("Bot: hi", "hi", true),
            ("bot,hi", "hi", true),
            ("\u{2}BOT\u{2}:   hi ", "hi", true),
            ("bot hi", "bot hi", false),
            ("bottle: hi", "bottle: hi", false),
            ("hi bot: x", "hi bot: x", false),
            ("bö: x", "bö: x", false),
        ] {
            let heard = message(&format!(":al!u@h PRIVMSG #room[1] :{said}"));
            assert_eq!((heard.text.as_str(), heard.addressed), (text, addressed), "{said:?}");
        }
    }

    #[test]
    fn with_the_trigger_all_everything_is_for_us() {
        match hear_as(Trigger::All, ":al!u@h PRIVMSG #room[1] :hi") {
            Heard::Message(message) => assert!(message.addressed),
            other => panic!("expected a message, not {other:?}"),
        }
    }

    #[test]
    fn a_message_to_some_of_a_channel_stays_among_them() {
        assert_eq!(message(":al!u@h PRIVMSG @#room[1] :hi").conversation.id, "@#room{1}");
    }

    #[test]
    fn what_is_not_for_us_is_left_alone() {
        for line in [
            ":al!u@h PRIVMSG #elsewhere :hi",
            ":al!u@h PRIVMSG somebody :hi",
            ":bot!u@h PRIVMSG #room[1] :hi",
            ":al!u@h PRIVMSG #room[1] :",
            ":al!u@h PRIVMSG #room[1] :bot: ",
            ":al!u@h PRIVMSG #room[1] :\u{2}\u{3}4",
            ":al!u@h PRIVMSG #room[1]",
            ":al!u@h PRIVMSG",
            "PRIVMSG #room[1] :hi",
            ":al!u@h PRIVMSG bot :\u{1}DCC SEND x 1 2 3\u{1}",
        ] {
            assert_eq!(hear_as(Trigger::All, line), Heard::Nothing, "{line:?}");
        }
    }

    #[test]
    fn an_action_is_text_and_questions_of_clients_are_answered() {
        assert_eq!(message(":al!u@h PRIVMSG bot :\u{1}ACTION waves\u{1}").text, "waves");
        for (question, answer) in [
            ("\u{1}PING 123 4\u{1}", "NOTICE al :\u{1}PING 123 4\u{1}".to_owned()),
            (
                "\u{1}VERSION",
                concat!("NOTICE al :\u{1}VERSION loader irc ", env!("CARGO_PKG_VERSION"), "\u{1}")
                    .to_owned(),
            ),
        ] {
            let heard = hear_as(Trigger::Addressed, &format!(":al!u@h PRIVMSG Bot :{question}"));
            assert_eq!(heard, Heard::Reply(answer));
        }
        let flood = format!(":al!u@h PRIVMSG bot :\u{1}PING {}\u{1}", "x".repeat(1000));
        match hear_as(Trigger::Addressed, &flood) {
            Heard::Reply(line) => assert!(line.len() < 100, "{line}"),
            other => panic!("expected a reply, not {other:?}"),
        }
    }
}

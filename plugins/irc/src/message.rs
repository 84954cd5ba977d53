//! One line from the server, taken apart: tags, source, command, parameters.
//!
//! Any bytes may come. Parsing never fails loudly: what is not a message is `None`, bytes that are
//! not UTF-8 are replaced, and the counts of tags and parameters are bounded.

/// The most parameters a message has; the last one takes what is left.
const MAX_PARAMETERS: usize = 15;

/// The most tags that are kept.
const MAX_TAGS: usize = 64;

/// A message from the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// IRCv3 tags in order, values unescaped.
    pub tags: Vec<(String, String)>,
    /// Who sent it: `nick!user@host` or a server's name; empty when the line does not say.
    pub source: String,
    /// The command in upper case, or three digits.
    pub command: String,
    /// The parameters; the last may contain spaces.
    pub params: Vec<String>,
}

impl Message {
    /// Takes one line apart, without its line end. `None` when there is no valid command in it.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let mut rest = line.trim_start_matches(' ');
        let mut message = Self::default();
        if let Some(tagged) = rest.strip_prefix('@') {
            let (tags, after) = word(tagged);
            message.tags = parse_tags(tags);
            rest = after;
        }
        if let Some(sourced) = rest.strip_prefix(':') {
            let (source, after) = word(sourced);
            message.source = source.to_owned();
            rest = after;
        }
        let (command, mut rest) = word(rest);
        if !is_command(command) {
            return None;
        }
        message.command = command.to_ascii_uppercase();
        while !rest.is_empty() {
            if let Some(trailing) = rest.strip_prefix(':') {
                message.params.push(trailing.to_owned());
                break;
            }
            if message.params.len() + 1 == MAX_PARAMETERS {
                message.params.push(rest.to_owned());
                break;
            }
            let (param, after) = word(rest);
            message.params.push(param.to_owned());
            rest = after;
        }
        Some(message)
    }

    /// The nick of the source, or the server's name.
    pub fn nick(&self) -> &str {
        let end = self.source.find(['!', '@']).unwrap_or(self.source.len());
        &self.source[..end]
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A parameter, or nothing at all where it is missing.
    pub fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// The last parameter: what numerics say to people.
    pub fn text(&self) -> &str {
        self.params.last().map_or("", String::as_str)
    }

    /// The command as a number, when it is one.
    pub fn numeric(&self) -> Option<u16> {
        self.command.parse().ok()
    }
}

/// Cuts off the first word and the spaces after it.
fn word(text: &str) -> (&str, &str) {
    match text.split_once(' ') {
        Some((word, rest)) => (word, rest.trim_start_matches(' ')),
        None => (text, ""),
    }
}

fn is_command(word: &str) -> bool {
    let letters = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    letters || (word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()))
}

fn parse_tags(tags: &str) -> Vec<(String, String)> {
    let tags = tags.split(';').filter(|tag| !tag.is_empty()).take(MAX_TAGS);
    let tags = tags.map(|tag| {
        let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
        (key.to_owned(), unescape(value))
    });
    tags.collect()
}

/// Undoes the escaping of tag values; a lone backslash at the end is dropped.
fn unescape(value: &str) -> String {
    let mut unescaped = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            unescaped.push(character);
            continue;
        }
        match characters.next() {
            Some(':') => unescaped.push(';'),
            Some('s') => unescaped.push(' '),
            Some('r') => unescaped.push('\r'),
            Some('n') => unescaped.push('\n'),
            Some(other) => unescaped.push(other),
            None => {}
        }
    }
    unescaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(line: &str) -> Message {
        Message::parse(line.as_bytes()).expect("a message")
    }

    #[test]
    fn a_full_line_is_taken_apart() {
        let message = parse("@time=x;a=b\\sc\\:\\\\;+d :al!u@h privmsg  #room :hello there: you");
        let tags = [("time", "x"), ("a", "b c;\\"), ("+d", "")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(message.tags, tags);
        assert_eq!(message.source, "al!u@h");
        assert_eq!(message.nick(), "al");
        assert_eq!(message.command, "PRIVMSG");
        assert_eq!(message.params, ["#room", "hello there: you"]);
        assert_eq!(message.tag("time"), Some("x"));
        assert_eq!(message.param(7), "");
    }

    #[test]
    fn a_server_numeric_has_no_user_part() {
        let message = parse(":irc.example 433 * bot :Nickname is already in use");
        assert_eq!((message.nick(), message.numeric()), ("irc.example", Some(433)));
        assert_eq!(message.text(), "Nickname is already in use");
    }

    #[test]
    fn an_empty_last_parameter_is_kept() {
        assert_eq!(parse("TOPIC #room :").params, ["#room", ""]);
    }

    #[test]
    fn the_fifteenth_parameter_takes_the_rest() {
        let many = (1..=20).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        let message = parse(&format!("X {many}"));
        assert_eq!(message.params.len(), 15);
        assert_eq!(message.text(), "15 16 17 18 19 20");
    }

    #[test]
    fn what_has_no_command_is_no_message() {
        for line in ["", " ", ":", ":source", "@tags", "@a :b ", "12", "1234", "PR1VMSG x", "\0"] {
            assert_eq!(Message::parse(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let message = Message::parse(b":a PRIVMSG b :caf\xe9").expect("a message");
        assert_eq!(message.text(), "caf\u{fffd}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_counts_are_bounded(line in proptest::collection::vec(any::<u8>(), 0..2000)) {
            if let Some(message) = Message::parse(&line) {
                prop_assert!(message.params.len() <= MAX_PARAMETERS);
                prop_assert!(message.tags.len() <= MAX_TAGS);
                prop_assert!(is_command(&message.command));
                let _ = (message.nick(), message.numeric(), message.text());
            }
        }

        #[test]
        fn nearly_valid_lines_do_not_panic(line in "(@[a-z=;\\\\:]{0,20} )?(:[a-z!@.]{0,12} )?[A-Z0-9]{0,5}( :?[a-z#é]{0,5}){0,20}") {
            let _ = Message::parse(line.as_bytes());
        }
    }
}

//! What the server says of itself in `005`: only what this plugin needs to know.

use crate::{casemap::Casemapping, message::Message};
use loader_sdk::schemars;
use serde::{Deserialize, Serialize};

/// The server's parameters, at their defaults until it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub struct Isupport {
    /// How names are folded.
    pub casemapping: Casemapping,
    /// The characters a channel's name may begin with.
    pub channel_types: String,
    /// The characters that may stand before a channel's name to reach only some of its members.
    pub status_prefixes: String,
    /// The longest line, in bytes with its end, if the server departs from 512.
    pub line_bytes: Option<usize>,
}

impl Default for Isupport {
    fn default() -> Self {
        Self {
            casemapping: Casemapping::default(),
            channel_types: "#&".into(),
            status_prefixes: String::new(),
            line_bytes: None,
        }
    }
}

impl Isupport {
    /// Reads one `005`: its first parameter is our nick, its last a text for people.
    pub fn read(&mut self, message: &Message) {
        let tokens = message.params.get(1..).unwrap_or_default();
        for token in tokens.iter().take_while(|token| !token.contains(' ')) {
            let (key, value) = token.split_once('=').unwrap_or((token, ""));
            match key {
                "CASEMAPPING" => self.casemapping = Casemapping::parse(value),
                "CHANTYPES" => self.channel_types = value.to_owned(),
                "STATUSMSG" => self.status_prefixes = value.to_owned(),
                "LINELEN" => self.line_bytes = value.parse().ok(),
                _ => {}
            }
        }
    }

    /// The channel a message to `target` was said in, or `None` when that is no channel.
    pub fn channel_of<'a>(&self, target: &'a str) -> Option<&'a str> {
        let channel = target.trim_start_matches(|prefix| self.status_prefixes.contains(prefix));
        channel.starts_with(|first| self.channel_types.contains(first)).then_some(channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Isupport {
        let mut isupport = Isupport::default();
        isupport.read(&Message::parse(line.as_bytes()).expect("a message"));
        isupport
    }

    #[test]
    fn the_tokens_that_matter_are_read() {
        let isupport = read(
            ":s 005 bot CASEMAPPING=ascii CHANTYPES=#! STATUSMSG=@+ LINELEN=1024 X :are supported",
        );
        assert_eq!(isupport.casemapping, Casemapping::Ascii);
        assert_eq!(isupport.line_bytes, Some(1024));
        assert_eq!(isupport.channel_of("@#Room"), Some("#Room"));
        assert_eq!(isupport.channel_of("!room"), Some("!room"));
        assert_eq!(isupport.channel_of("&room"), None);
    }

    #[test]
    fn nonsense_changes_nothing() {
        assert_eq!(read(":s 005"), Isupport::default());
        assert_eq!(read(":s 005 bot LINELEN=many =x :y"), Isupport::default());
    }
}

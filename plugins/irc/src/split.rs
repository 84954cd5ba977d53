//! Cuts a text into pieces that fit into one line each.
//!
//! The limit of a line counts what the *server* makes of it when it passes it on: our own source is
//! put in front, so less text fits than we could send.

use loader_sdk::schemars;
use serde::{Deserialize, Serialize};

/// What surrounds the text of a line that the server passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub struct Room {
    /// The longest line the server passes on, in bytes with its end.
    pub line_bytes: usize,
    /// The length of our source, `nick!user@host`.
    pub source_bytes: usize,
}

impl Room {
    /// How many bytes of text fit into one message to `target`; `None` when not even one character
    /// is sure to.
    pub fn text_bytes(&self, target: &str) -> Option<usize> {
        let around = ":".len() + self.source_bytes + " PRIVMSG ".len() + target.len();
        let around = around + " :".len() + "\r\n".len();
        self.line_bytes.checked_sub(around).filter(|room| *room >= char::MAX.len_utf8())
    }
}

/// Cuts a text into pieces of at most `limit` bytes, which must be at least 4.
///
/// Every line of the text is cut by itself; lines of nothing but white space are left out. A piece
/// ends after a space where the word that follows fits into a piece of its own, and otherwise where
/// it is full, but never inside a character. The pieces of a line put together are the line. CR,
/// NUL, and the delimiter of client commands (U+0001) are removed: what a model writes must not
/// become a command to somebody's client.
pub fn split(text: &str, limit: usize) -> Vec<String> {
    let limit = limit.max(char::MAX.len_utf8());
    let text: String = text.chars().filter(|one| !matches!(one, '\r' | '\0' | '\u{1}')).collect();
    let mut pieces = Vec::new();
    for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
        let mut rest = line;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cut(rest, limit));
            pieces.push(piece.to_owned());
            rest = after;
        }
    }
    pieces
}

/// Where the first piece of a line ends.
fn cut(line: &str, limit: usize) -> usize {
    if line.len() <= limit {
        return line.len();
    }
    let full = (0..=limit).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(line.len());
    let Some(space) = line[..full].rfind(' ') else { return full };
    let word = line[space + 1..].split(' ').next().unwrap_or_default();
    if word.len() <= limit { space + 1 } else { full }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_text_is_one_piece() {
        assert_eq!(split("hello there", 20), ["hello there"]);
    }

    #[test]
    fn newlines_part_and_empty_lines_are_left_out() {
        assert_eq!(split("one\r\n\n  \ntwo\0\n", 20), ["one", "two"]);
        assert!(split("\r\n\n", 20).is_empty());
    }

    #[test]
    fn spaces_are_preferred() {
        assert_eq!(split("aaa bbb ccc", 8), ["aaa bbb ", "ccc"]);
        assert_eq!(split("aaa bbbb cc", 8), ["aaa ", "bbbb cc"]);
    }

    #[test]
    fn a_word_too_long_for_a_line_is_cut_where_the_line_is_full() {
        assert_eq!(split("a bbbbbbbbbb", 6), ["a bbbb", "bbbbbb"]);
    }

    #[test]
    fn no_character_is_cut() {
        assert_eq!(split("ééééé", 5), ["éé", "éé", "é"]);
        assert_eq!(split("🦀🦀", 1), ["🦀", "🦀"]);
    }

    #[test]
    fn text_cannot_become_a_client_command() {
        assert_eq!(split("\u{1}DCC SEND x\u{1}", 50), ["DCC SEND x"]);
    }

    #[test]
    fn the_room_is_what_the_server_leaves() {
        let room = Room { line_bytes: 512, source_bytes: "bot!~bot@host".len() };
        let fits = room.text_bytes("#room").expect("room");
        let line = format!(":bot!~bot@host PRIVMSG #room :{}\r\n", "x".repeat(fits));
        assert_eq!(line.len(), 512);
        assert_eq!(room.text_bytes(&"x".repeat(500)), None);
    }

    proptest! {
        #[test]
        fn pieces_fit_and_lose_nothing(text in "[a-zé🦀 \n\r]{0,300}", limit in 4usize..60) {
            let pieces = split(&text, limit);
            for piece in &pieces {
                prop_assert!(!piece.is_empty() && piece.len() <= limit);
            }
            let lines = text.split('\n').map(|line| line.replace('\r', ""));
            let whole: String = lines.filter(|line| !line.trim().is_empty()).collect();
            prop_assert_eq!(pieces.concat(), whole);
        }

        #[test]
        fn any_text_and_limit_are_taken(text in any::<String>(), limit in 0usize..600) {
            for piece in split(&text, limit) {
                prop_assert!(piece.len() <= limit.max(4));
                let unsafe_characters = ['\r', '\n', '\0', '\u{1}'];
                prop_assert!(!piece.contains(unsafe_characters));
            }
        }

        #[test]
        fn words_that_fit_are_not_cut(words in proptest::collection::vec("[a-z]{1,10}", 1..40), limit in 11usize..40) {
            let text = words.join(" ");
            let pieces = split(&text, limit);
            let again: Vec<&str> = pieces.iter().flat_map(|piece| piece.split_whitespace()).collect();
            prop_assert_eq!(again, words);
        }
    }
}

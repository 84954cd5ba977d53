//! Bytes from the network become lines, however they were cut on the way.

use loader_sdk::schemars;
use serde::{Deserialize, Serialize};

/// The longest line that is taken, in bytes: twice what the protocol allows with tags.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// Collects bytes until a line is whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub struct Framing {
    partial: Vec<u8>,
    /// Whether the line at hand was too long, so that the rest of it is dropped as well.
    overlong: bool,
    dropped: u64,
}

impl Framing {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes and gives the lines they complete, without their ends. Empty lines are left out.
    pub fn lines(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (content, ended) = match part.split_last() {
                Some((b'\n', content)) => (content, true),
                _ => (part, false),
            };
            if self.partial.len() + content.len() > MAX_LINE_BYTES {
                self.overlong = true;
                self.partial = Vec::new();
            }
            if !self.overlong {
                self.partial.extend_from_slice(content);
            }
            if ended {
                self.end_line(&mut lines);
            }
        }
        lines
    }

    /// How many lines were dropped because they were too long.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn end_line(&mut self, lines: &mut Vec<Vec<u8>>) {
        let mut line = std::mem::take(&mut self.partial);
        if std::mem::take(&mut self.overlong) {
            self.dropped += 1;
            return;
        }
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_line_ends_are_understood_and_empty_lines_left_out() {
        let mut framing = Framing::new();
        assert_eq!(framing.lines(b"one\r\ntwo\n\r\n\nthr"), [b"one".to_vec(), b"two".to_vec()]);
        assert_eq!(framing.lines(b"ee\r"), Vec::<Vec<u8>>::new());
        assert_eq!(framing.lines(b"\n"), [b"three".to_vec()]);
    }

    #[test]
    fn an_overlong_line_is_dropped_whole_and_counted() {
        let mut framing = Framing::new();
        for _ in 0..5 {
            assert!(framing.lines(&[b'x'; MAX_LINE_BYTES]).is_empty());
        }
        assert_eq!(framing.lines(b"tail\nnext\n"), [b"next".to_vec()]);
        assert_eq!(framing.dropped(), 1);
    }

    #[test]
    fn the_longest_line_is_taken() {
        let mut framing = Framing::new();
        let mut line = vec![b'x'; MAX_LINE_BYTES];
        line.push(b'\n');
        assert_eq!(framing.lines(&line).len(), 1);
        assert_eq!(framing.dropped(), 0);
    }

    proptest! {
        #[test]
        fn the_cut_does_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..400),
            cuts in proptest::collection::vec(1usize..20, 0..60),
        ) {
            let whole = Framing::new().lines(&bytes);
            let mut framing = Framing::new();
            let mut pieces = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.extend(framing.lines(piece));
                rest = after;
            }
            pieces.extend(framing.lines(rest));
            prop_assert_eq!(pieces, whole);
        }
    }
}

//! Server-sent events: bytes in, events out, whatever the pieces the bytes come in.
//!
//! Follows the event stream grammar of the HTML standard: lines end with CR, LF or CRLF; `:` begins
//! a comment; several `data` lines make one event; an event without its blank line never was one.
//! What a reconnecting client would need (`id`, `retry`) is skipped. Pure: no clock, no network.

use std::collections::VecDeque;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// The event's name; empty when the server gave none.
    pub(crate) name: String,
    /// The `data` lines, joined by line feeds.
    pub(crate) data: String,
}

/// One line, or the data of one event, is larger than the parser's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// An incremental parser. The same bytes give the same events however they are cut.
pub(crate) struct Parser {
    limit: usize,
    /// The line that is still open, without its end.
    line: Vec<u8>,
    name: String,
    data: Option<String>,
    /// A CR ended the last line: an LF right after it belongs to that end.
    after_cr: bool,
    /// No line was read yet, so the next may begin with a byte order mark.
    at_start: bool,
    overflowed: bool,
    events: VecDeque<Event>,
}

impl Parser {
    /// A parser that holds at most `limit` bytes of an open line, and as many of an open event.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            name: String::new(),
            data: None,
            after_cr: false,
            at_start: true,
            overflowed: false,
            events: VecDeque::new(),
        }
    }

    /// Takes the next bytes. After an overflow they are ignored.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.overflowed {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            self.extend_line(&bytes[..end.unwrap_or(bytes.len())]);
            let Some(end) = end else { return };
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.end_line();
        }
    }

    /// The next event that is complete; `None` until more bytes come.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, TooLarge> {
        match self.events.pop_front() {
            None if self.overflowed => Err(TooLarge),
            event => Ok(event),
        }
    }

    fn extend_line(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > self.limit {
            self.overflowed = true;
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) {
        if self.overflowed {
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        let text = if std::mem::take(&mut self.at_start) {
            line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line)
        } else {
            &line
        };
        self.read_line(&String::from_utf8_lossy(text));
        // The buffer is kept for the next line.
        line.clear();
        self.line = line;
    }

    fn read_line(&mut self, line: &str) {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            self.events.extend(self.data.take().map(|data| Event { name, data }));
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.extend_data(value),
            _ => {}
        }
    }

    fn extend_data(&mut self, value: &str) {
        // A byte that was replaced takes three, so even one line within the limit may be too much.
        let before = self.data.as_ref().map_or(0, |data| data.len() + 1);
        if before + value.len() > self.limit {
            self.overflowed = true;
            return;
        }
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 64;

    /// The events of a whole stream, and whether it overflowed.
    fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, bool) {
        let mut parser = Parser::new(LIMIT);
        let mut events = Vec::new();
        let mut overflowed = false;
        for piece in pieces {
            parser.push(piece);
            loop {
                match parser.next() {
                    Ok(Some(event)) => events.push(event),
                    Ok(None) => break,
                    Err(TooLarge) => {
                        overflowed = true;
                        break;
                    }
                }
            }
        }
        (events, overflowed)
    }

    fn data_of(stream: &str) -> Vec<String> {
        let (events, overflowed) = parse([stream.as_bytes()]);
        assert!(!overflowed, "{stream:?} is within the limit");
        events.into_iter().map(|event| event.data).collect()
    }

    #[test]
    fn every_line_end_ends_a_line() {
        assert_eq!(
            data_of("data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\r\n\n"),
            ["a", "b", "c", "d"]
        );
    }

    #[test]
    fn several_data_lines_make_one_event() {
        assert_eq!(data_of("data: a\ndata\ndata:b\n\n"), ["a\n\nb"]);
        assert_eq!(data_of("data: a\r\ndata: b\r\n\r\n"), ["a\nb"]);
    }

    #[test]
    fn only_one_leading_space_is_dropped() {
        assert_eq!(data_of("data:  a \n\n"), [" a "]);
    }

    #[test]
    fn comments_unknown_fields_and_empty_events_say_nothing() {
        assert_eq!(
            data_of(": ping\n\nid: 7\nretry: 5\nnoise\n\nevent: lonely\n\ndata: a\n\n"),
            ["a"]
        );
    }

    #[test]
    fn an_event_without_its_blank_line_never_was_one() {
        assert_eq!(data_of("data: a\n\ndata: b\n"), ["a"]);
    }

    #[test]
    fn the_name_belongs_to_its_event_alone() {
        let (events, _) = parse([&b"event: error\ndata: a\n\ndata: b\n\n"[..]]);
        let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["error", ""]);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_at_the_start_alone() {
        let mark = '\u{FEFF}';
        assert_eq!(data_of(&format!("{mark}data: a\n\n{mark}data: b\n\ndata: c\n\n")), ["a", "c"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let (events, _) = parse([&b"data: \xff\xfe\n\n"[..]]);
        assert_eq!(events[0].data, "\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn what_came_before_an_overflow_is_still_told() {
        let long = "x".repeat(LIMIT);
        for stream in [
            format!("data: a\n\ndata: {long}"),
            format!("data: a\n\n: {long}\n\ndata: b\n\n"),
            format!("data: a\n\ndata: {0}\ndata: {0}\n\n", "x".repeat(LIMIT / 2)),
        ] {
            let (events, overflowed) = parse([stream.as_bytes()]);
            assert!(overflowed, "{stream:?}");
            assert_eq!(events.len(), 1, "{stream:?}");
        }
    }

    /// Bytes in which everything that means something to the parser is frequent.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        const TOKENS: [&[u8]; 13] = [
            b"data:",
            b"event: ",
            b"data: [DONE]",
            b":",
            b" ",
            b"\r",
            b"\n",
            b"\r\n",
            b"\n\n",
            b"\xEF\xBB\xBF",
            "é😀".as_bytes(),
            b"\xff",
            b"xxxxxxxxxxxxxxxxxxxxxxxx",
        ];
        let token = proptest::sample::select(&TOKENS[..]);
        proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_events(
            stream in stream(),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        ) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|ends| &stream[ends[0]..ends[1]]);
            prop_assert_eq!(parse(pieces), parse([&stream[..]]));
        }

        #[test]
        fn one_byte_at_a_time_gives_the_same_events(stream in stream()) {
            prop_assert_eq!(parse(stream.chunks(1)), parse([&stream[..]]));
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_stay_bounded(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let (events, _) = parse([&bytes[..]]);
            prop_assert!(events.iter().all(|event| event.data.len() <= LIMIT));
        }
    }
}

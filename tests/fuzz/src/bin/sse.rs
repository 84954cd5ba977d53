//! Any bytes as a server's event stream: the events that a plain reading of the standard gives,
//! however the bytes are cut, and never more held than the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../../plugins/openai/src/sse.rs"]
mod sse;

use sse::{Event, Parser, TooLarge};

const LIMIT: usize = 256;

fuzz_target!(|bytes: &[u8]| {
    let whole = parse([bytes]);
    for event in &whole.0 {
        assert!(event.data.len() <= LIMIT && event.name.len() <= 3 * LIMIT);
        assert!(!event.name.contains(['\r', '\n']) && !event.data.contains('\r'));
    }
    let piece = 1 + usize::from(bytes.first().copied().unwrap_or_default()) % 32;
    assert_eq!(parse(bytes.chunks(piece)), whole);
    if !whole.1 {
        assert_eq!(whole.0, read_plainly(bytes));
    }
});

/// The events of a stream that comes in pieces, and whether it held too much.
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

/// The same, with the whole stream at hand and nothing bounded.
fn read_plainly(bytes: &[u8]) -> Vec<Event> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    // What follows the last line end is no line.
    let Some((lines, _)) = text.rsplit_once('\n') else { return Vec::new() };
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), None::<String>);
    for line in lines.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (line, field) {
            ("", _) => {
                let name = std::mem::take(&mut name);
                events.extend(data.take().map(|data| Event { name, data }));
            }
            (_, "event") => name = value.to_owned(),
            (_, "data") => {
                let before = data.take().map(|data| data + "\n");
                data = Some(before.unwrap_or_default() + value);
            }
            _ => {}
        }
    }
    events
}

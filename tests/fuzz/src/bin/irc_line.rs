//! Any bytes from an IRC server: the same lines however they are cut, and a conversation that never
//! says more than one line at a time.
#![no_main]

use irc::{
    command::{is_param, is_trailing, line},
    framing::{Framing, MAX_LINE_BYTES},
    message::Message,
    registration::Credentials,
    session::{Event, Session},
    settings::AccountSettings,
    split::split,
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static SETTINGS: LazyLock<AccountSettings> = LazyLock::new(|| {
    let config = serde_json::json!({
        "host": "irc.example", "nick": "bot", "channels": ["#Room[1]", "#shut key"],
    });
    AccountSettings::read("home", config).expect("valid settings")
});

fuzz_target!(|bytes: &[u8]| {
    let mut framing = Framing::new();
    let lines = framing.lines(bytes);
    let piece = 1 + usize::from(bytes.first().copied().unwrap_or_default()) % 32;
    let mut cut = Framing::new();
    let pieces: Vec<_> = bytes.chunks(piece).flat_map(|piece| cut.lines(piece)).collect();
    assert_eq!((&pieces, cut.dropped()), (&lines, framing.dropped()));

    let messages = lines.iter().filter_map(|line| {
        assert!(line.len() <= MAX_LINE_BYTES && !line.contains(&b'\n'));
        Message::parse(line)
    });
    let messages: Vec<Message> = messages.collect();
    messages.iter().for_each(say_again);
    for sasl in [None, Some(("account".to_owned(), "secret".to_owned()))] {
        converse(&messages, sasl);
    }
});

/// What can be said at all is understood as it was meant.
fn say_again(message: &Message) {
    let Some((last, others)) = message.params.split_last() else { return };
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    if others.iter().all(|param| is_param(param)) && is_trailing(last) {
        let said = line(&message.command, &others, Some(last));
        let understood = Message::parse(said.as_bytes()).expect("a message");
        assert_eq!(understood.command, message.command);
        assert_eq!(understood.params, message.params);
    }
}

fn converse(messages: &[Message], sasl: Option<(String, String)>) {
    let credentials =
        Credentials { nick: "bot".into(), username: "u".into(), sasl, ..Credentials::default() };
    let mut session = Session::new("home", &SETTINGS, credentials);
    for message in messages {
        for event in session.receive(message) {
            match event {
                Event::Send(line) | Event::Offer(line) => expect_one_line(&line),
                Event::Queue(lines) => lines.iter().for_each(|line| expect_one_line(line)),
                Event::Deliver(message) => {
                    assert!(!message.text.trim().is_empty() && !message.sender.id.is_empty());
                }
                Event::Refused(refusal) => assert!(!refusal.detail.is_empty()),
            }
        }
    }
    let _ = session.detail();
    let Some(limit) = session.room().text_bytes(session.nick()) else { return };
    for message in messages {
        for piece in split(message.text(), limit) {
            assert!(piece.len() <= limit);
            expect_one_line(&piece);
        }
    }
}

fn expect_one_line(line: &str) {
    assert!(is_trailing(line), "{line:?}");
}

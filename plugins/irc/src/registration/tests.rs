//! Transcripts: what the server says, and what is answered.

use super::*;

fn credentials() -> Credentials {
    Credentials {
        nick: "bot".into(),
        username: "loader".into(),
        realname: "A bot".into(),
        ..Credentials::default()
    }
}

fn with_sasl(password: &str) -> Credentials {
    Credentials { sasl: Some(("acc".into(), password.into())), ..credentials() }
}

/// Plays a transcript: lines that begin with `<` come from the server, the lines after it are what
/// it must be answered. Returns the last outcome.
fn play(credentials: Credentials, transcript: &[&str]) -> Outcome {
    let mut registration = Registration::new(credentials);
    let mut said = registration.begin();
    let mut outcome = Outcome::Pending;
    for expected in transcript {
        if let Some(received) = expected.strip_prefix("< ") {
            assert!(said.is_empty(), "before `{received}`, too much was said: {said:?}");
            assert_eq!(outcome, Outcome::Pending, "before `{received}`");
            let message = Message::parse(received.as_bytes()).expect("a message");
            let step = registration.receive(&message);
            said = step.send;
            outcome = step.outcome;
        } else {
            assert!(!said.is_empty(), "`{expected}` was not said");
            assert_eq!(said.remove(0), *expected);
        }
    }
    assert!(said.is_empty(), "too much was said: {said:?}");
    outcome
}

fn registered(nick: &str) -> Outcome {
    Outcome::Registered(nick.into())
}

fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

const BEGIN: [&str; 3] = ["CAP LS 302", "NICK bot", "USER loader 0 * :A bot"];

/// A transcript that begins as all do.
fn after_begin<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    BEGIN.iter().chain(rest).copied().collect()
}

#[test]
fn capabilities_are_negotiated() {
    let transcript = after_begin(&[
        "< :s CAP * LS * :multi-prefix message-tags",
        "< :s CAP * LS :server-time sasl=PLAIN,EXTERNAL",
        "CAP REQ :message-tags server-time",
        "< :s CAP bot ACK :message-tags server-time",
        "CAP END",
        "< :s 001 bot :Welcome",
    ]);
    assert_eq!(play(credentials(), &transcript), registered("bot"));
}

#[test]
fn a_server_without_capabilities_just_welcomes() {
    let transcript = after_begin(&["< :s 421 bot CAP :Unknown command", "< :s 001 bot :Welcome"]);
    assert_eq!(play(credentials(), &transcript), registered("bot"));
}

#[test]
fn nothing_wanted_ends_the_negotiation() {
    let transcript =
        after_begin(&["< :s CAP * LS :tls", "CAP END", "< :s CAP * LS :sasl", "< :s 001 bot :Hi"]);
    assert_eq!(play(credentials(), &transcript), registered("bot"));
}

#[test]
fn a_refused_request_does_not_matter_without_sasl() {
    let transcript = after_begin(&[
        "< :s CAP * LS :server-time",
        "CAP REQ :server-time",
        "< :s CAP * NAK :server-time",
        "CAP END",
    ]);
    assert_eq!(play(credentials(), &transcript), Outcome::Pending);
}

#[test]
fn the_servers_password_comes_first() {
    let credentials = Credentials { password: Some("open :sesame".into()), ..credentials() };
    let transcript = ["CAP LS 302", "PASS :open :sesame", "NICK bot", "USER loader 0 * :A bot"];
    assert_eq!(play(credentials, &transcript), Outcome::Pending);
}

#[test]
fn sasl_logs_in() {
    let transcript = after_begin(&[
        "< :s CAP * LS :sasl=EXTERNAL,PLAIN server-time",
        "CAP REQ :server-time sasl",
        "< :s CAP * ACK :server-time sasl",
        "AUTHENTICATE PLAIN",
        "< AUTHENTICATE +",
        "AUTHENTICATE AGFjYwBwdw==",
        "< :s 900 bot bot!u@h acc :You are now logged in as acc",
        "< :s 903 bot :SASL authentication successful",
        "CAP END",
        "< :s 001 bot :Welcome",
    ]);
    assert_eq!(play(with_sasl("pw"), &transcript), registered("bot"));
}

#[test]
fn a_refused_login_is_permanent_and_shows_no_password() {
    let transcript = after_begin(&[
        "< :s CAP * LS :sasl",
        "CAP REQ :sasl",
        "< :s CAP * ACK :sasl",
        "AUTHENTICATE PLAIN",
        "< AUTHENTICATE +",
        "AUTHENTICATE AGFjYwBwdw==",
        "< :s 904 bot :SASL authentication failed",
    ]);
    let refusal = refused(play(with_sasl("pw"), &transcript));
    assert!(refusal.permanent);
    assert!(refusal.detail.contains("SASL authentication failed"), "{}", refusal.detail);
}

#[test]
fn an_account_that_needs_sasl_does_not_go_without() {
    for transcript in [
        vec!["< :s CAP * LS :server-time"],
        vec!["< :s CAP * LS :sasl", "CAP REQ :sasl", "< :s CAP * NAK :sasl"],
        vec!["< :s 421 bot CAP :Unknown command", "< :s 001 bot :Welcome"],
    ] {
        let refusal = refused(play(with_sasl("pw"), &after_begin(&transcript)));
        assert!(!refusal.permanent, "services come back: {transcript:?}");
    }
}

#[test]
fn a_server_without_plain_is_no_use() {
    let transcript = after_begin(&["< :s CAP * LS :sasl=EXTERNAL,SCRAM-SHA-256"]);
    assert!(refused(play(with_sasl("pw"), &transcript)).permanent);
}

#[test]
fn long_logins_are_sent_in_pieces() {
    let lengths = |password_bytes: usize| -> Vec<usize> {
        let lines = sasl_plain("acc", &"x".repeat(password_bytes));
        lines.iter().map(|line| line.len() - "AUTHENTICATE ".len()).collect()
    };
    assert_eq!(
        lengths(295),
        [400, 1],
        "300 bytes are exactly one full piece, and an empty one follows"
    );
    assert_eq!(lengths(296), [400, 4]);
    assert_eq!(lengths(596), [400, 400, 4]);
    assert_eq!(sasl_plain("acc", &"x".repeat(295))[1], "AUTHENTICATE +");
}

#[test]
fn a_taken_nick_gets_a_tail() {
    let transcript = after_begin(&[
        "< :s 433 * bot :Nickname is already in use",
        "NICK bot_",
        "< :s 433 * bot_ :Nickname is already in use",
        "NICK bot__",
        "< :s CAP * LS :",
        "CAP END",
        "< :s 001 bot__ :Welcome",
    ]);
    assert_eq!(play(credentials(), &transcript), registered("bot__"));
}

#[test]
fn nicks_that_are_all_taken_are_tried_again_later() {
    let mut registration = Registration::new(credentials());
    let taken = Message::parse(b":s 433 * bot :Nickname is already in use").expect("a message");
    let steps: Vec<Step> = (0..9).map(|_| registration.receive(&taken)).collect();
    assert!(steps[..8].iter().all(|step| step.send.len() == 1));
    assert!(!refused(steps[8].outcome.clone()).permanent);
}

#[test]
fn an_erroneous_nick_is_permanent_unless_we_made_it_up() {
    let transcript = after_begin(&["< :s 432 * bot :Erroneous nickname"]);
    assert!(refused(play(credentials(), &transcript)).permanent);
    let transcript =
        after_begin(&["< :s 433 * bot :In use", "NICK bot_", "< :s 432 * bot_ :Nickname too long"]);
    assert!(!refused(play(credentials(), &transcript)).permanent);
}

#[test]
fn a_wrong_password_and_a_ban_are_permanent() {
    for line in [
        "< :s 464 * :Bad password",
        "< :s 465 * :You are banned",
        "< ERROR :Access denied: Bad password?",
    ] {
        assert!(refused(play(credentials(), &after_begin(&[line]))).permanent, "{line}");
    }
}

#[test]
fn other_last_words_of_a_server_are_no_refusal() {
    let transcript = after_begin(&["< ERROR :Closing link: too many connections"]);
    assert_eq!(play(credentials(), &transcript), Outcome::Pending);
}

#[test]
fn messages_out_of_turn_change_nothing() {
    let transcript = after_begin(&[
        "< AUTHENTICATE +",
        "< :s CAP * ACK :sasl",
        "< :s CAP",
        "< CAP * LS",
        "CAP END",
        "< :s CAP * NEW :sasl",
        "< :s 001",
    ]);
    assert_eq!(play(credentials(), &transcript), registered("bot"));
}

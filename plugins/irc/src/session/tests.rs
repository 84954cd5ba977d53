//! What the server says, and what is true afterwards.

use super::*;
use serde_json::json;

fn session() -> Session {
    let config = json!({
        "host": "irc.example", "nick": "bot", "channels": ["#Room[1]", "#shut key"],
    });
    let settings = AccountSettings::read("home", config).expect("valid");
    let credentials =
        Credentials { nick: "bot".into(), username: "u".into(), ..Default::default() };
    Session::new("home", &settings, credentials)
}

fn receive(session: &mut Session, line: &str) -> Vec<Event> {
    session.receive(&Message::parse(line.as_bytes()).expect("a message"))
}

fn receive_all(session: &mut Session, lines: &[&str]) {
    for line in lines {
        receive(session, line);
    }
}

/// Registered, and in one of the two channels.
fn online() -> Session {
    let mut session = session();
    receive_all(
        &mut session,
        &[
            ":s 001 bot :Welcome",
            ":s 005 bot CASEMAPPING=rfc1459 :are supported",
            ":bot!~u@some.host JOIN #ROOM[1]",
            ":s 475 bot #shut :Cannot join channel (+k)",
            ":s PONG s :loader-ready",
        ],
    );
    session
}

#[test]
fn a_welcome_leads_to_joins() {
    let mut session = session();
    let events = receive(&mut session, ":s 001 bot_ :Welcome");
    let joins = ["JOIN #Room[1]", "JOIN #shut key", "PING :loader-ready"].map(String::from);
    assert_eq!(events, [Event::Send("USERHOST bot_".into()), Event::Queue(joins.to_vec())]);
    assert_eq!(session.nick(), "bot_");
    assert!(!session.online(), "the joins are not answered yet");
}

#[test]
fn the_pong_behind_the_joins_means_online() {
    let session = online();
    assert!(session.online());
    assert_eq!(session.detail(), "not in #shut: Cannot join channel (+k) (475)");
}

#[test]
fn a_ping_is_answered_at_any_time() {
    for mut session in [session(), online()] {
        let events = receive(&mut session, "PING :a b");
        assert_eq!(events, [Event::Send("PONG :a b".into())]);
    }
}

#[test]
fn a_message_in_a_joined_channel_is_delivered() {
    let mut session = online();
    let events = receive(&mut session, ":al!u@h PRIVMSG #room{1} :bot: hi");
    match events.as_slice() {
        [Event::Deliver(message)] => assert_eq!(message.text, "hi"),
        other => panic!("expected a delivery, not {other:?}"),
    }
    assert!(receive(&mut session, ":al!u@h PRIVMSG #shut :hi").is_empty());
    assert!(receive(&mut session, ":al!u@h NOTICE bot :hi").is_empty());
}

#[test]
fn a_kick_ends_a_conversation_and_a_join_begins_it_again() {
    let mut session = online();
    receive(&mut session, ":op!u@h KICK #Room[1] BOT :spam");
    assert!(receive(&mut session, ":al!u@h PRIVMSG #room[1] :hi").is_empty());
    assert!(
        session.detail().contains("not in #room{1}: kicked by op: spam"),
        "{}",
        session.detail()
    );
    receive_all(&mut session, &[":bot!~u@h JOIN #room[1]", ":bot!~u@h JOIN #shut"]);
    assert_eq!(session.detail(), "");
    receive(&mut session, ":bot!~u@h PART #room[1]");
    assert_eq!(session.detail(), "not in #room{1}: left");
}

#[test]
fn errors_about_other_things_are_no_failed_joins() {
    let mut session = online();
    receive_all(
        &mut session,
        &[
            ":s 404 bot #room[1] :Cannot send to channel",
            ":s 401 bot al :No such nick",
            ":s 366 bot #shut :End of NAMES",
        ],
    );
    assert_eq!(session.detail(), "not in #shut: Cannot join channel (+k) (475)");
}

#[test]
fn the_room_follows_our_source() {
    let mut session = session();
    receive(&mut session, ":s 001 bot :Welcome");
    let source_bytes = |session: &Session| session.room().source_bytes;
    assert_eq!(source_bytes(&session), 3 + 1 + 32 + 1 + 64, "the most there can be");
    receive(&mut session, ":s 302 bot :bot=+~u@1.2.3.4");
    assert_eq!(source_bytes(&session), "bot!~u@1.2.3.4".len());
    receive(&mut session, ":bot!~u@cloak JOIN #x");
    assert_eq!(source_bytes(&session), "bot!~u@cloak".len());
    receive(&mut session, ":s 302 bot :bot=+~u@1.2.3.4");
    assert_eq!(source_bytes(&session), "bot!~u@cloak".len(), "our own source is better");
    receive(&mut session, ":s 396 bot user/bot :is now your hidden host");
    assert_eq!(source_bytes(&session), "bot!~u@user/bot".len());
    receive(&mut session, ":bot!~u@user/bot CHGHOST user new.host");
    assert_eq!(source_bytes(&session), "bot!user@new.host".len());
    receive(&mut session, ":bot!user@new.host NICK :longer_bot");
    assert_eq!(source_bytes(&session), "longer_bot!user@new.host".len());
    assert_eq!(session.nick(), "longer_bot");
}

#[test]
fn a_server_with_shorter_lines_is_believed() {
    let mut session = online();
    assert_eq!(session.room().line_bytes, 512);
    receive(&mut session, ":s 005 bot LINELEN=300 :are supported");
    assert_eq!(session.room().line_bytes, 300);
    receive(&mut session, ":s 005 bot LINELEN=2048 :are supported");
    assert_eq!(session.room().line_bytes, 512, "the settings say 512");
}

#[test]
fn the_servers_last_words_are_kept() {
    let mut session = online();
    receive(&mut session, "ERROR :Closing link: too fast");
    assert_eq!(session.last_error(), "Closing link: too fast");
}

#[test]
fn a_refusal_is_passed_on() {
    let mut session = session();
    let events = receive(&mut session, ":s 464 * :Bad password");
    assert!(matches!(&events[..], [Event::Refused(refusal)] if refusal.permanent), "{events:?}");
}

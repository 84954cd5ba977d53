//! Every spelling of a path that could be read in two ways, and those that cannot.

use std::borrow::Cow;

use proptest::prelude::*;

use super::fake::Fake;
use super::{Answered, PEER, ask, edge, empty, request};
use crate::http::path::canonicalise;

/// A spelling and its canonical form; `None` is refused.
const SPELLINGS: &[(&str, Option<&str>)] = &[
    // What needs nothing.
    ("/", Some("/")),
    ("/health", Some("/health")),
    ("/v1/chat/completions", Some("/v1/chat/completions")),
    ("/hello/", Some("/hello/")),
    ("/Hello", Some("/Hello")),
    ("/HELLO", Some("/HELLO")),
    ("/a-b_c~d", Some("/a-b_c~d")),
    ("/a.b", Some("/a.b")),
    ("/.well-known/x", Some("/.well-known/x")),
    ("/...", Some("/...")),
    ("/a..b", Some("/a..b")),
    ("/..a", Some("/..a")),
    ("/a/..b/c", Some("/a/..b/c")),
    ("/a;v=1/b", Some("/a;v=1/b")),
    ("/a:b@c", Some("/a:b@c")),
    ("/a+b", Some("/a+b")),
    ("/a&b=c", Some("/a&b=c")),
    ("/(a)*'!$,", Some("/(a)*'!$,")),
    ("/\u{e9}", Some("/\u{e9}")),
    ("/\u{1f980}/x", Some("/\u{1f980}/x")),
    // What is undone.
    ("/%61", Some("/a")),
    ("/%7Euser", Some("/~user")),
    ("/%7euser", Some("/~user")),
    ("/he%6Clo", Some("/hello")),
    ("/v1/m%6fdels", Some("/v1/models")),
    ("/%68%65%61%6c%74%68", Some("/health")),
    ("/a%20b", Some("/a b")),
    ("/a%3Fb", Some("/a?b")),
    ("/a%23b", Some("/a#b")),
    ("/a%3Bb", Some("/a;b")),
    ("/%C3%A9", Some("/\u{e9}")),
    ("/%c3%a9", Some("/\u{e9}")),
    ("/%F0%9F%A6%80", Some("/\u{1f980}")),
    // Not a path.
    ("", None),
    ("*", None),
    ("hello", None),
    ("%2Fhello", None),
    ("./hello", None),
    ("http://localhost/", None),
    // Slashes in disguise.
    ("/a%2Fb", None),
    ("/a%2fb", None),
    ("/%2F", None),
    ("/hello%2F..%2Fhealth", None),
    ("/a%5Cb", None),
    ("/a%5cb", None),
    ("/a\\b", None),
    ("/a\\..\\b", None),
    ("\\hello", None),
    // Empty segments.
    ("//", None),
    ("//hello", None),
    ("/hello//x", None),
    ("/hello//", None),
    ("///", None),
    // Dots.
    ("/.", None),
    ("/..", None),
    ("/./hello", None),
    ("/../hello", None),
    ("/hello/.", None),
    ("/hello/..", None),
    ("/hello/../health", None),
    ("/hello/./x", None),
    ("/%2E", None),
    ("/%2e%2e", None),
    ("/hello/%2e%2E/health", None),
    ("/hello/.%2e/health", None),
    ("/a%2Eb", None),
    ("/..;/health", None),
    ("/hello/..;x=y/health", None),
    ("/.;/", None),
    ("/..%3B/health", None),
    // Characters that end or hide something.
    ("/a%00", None),
    ("/a%00.png", None),
    ("/a%0d%0aX-Header:%20x", None),
    ("/a%0Ab", None),
    ("/a%09b", None),
    ("/a%1Fb", None),
    ("/a%7Fb", None),
    ("/a\u{0}", None),
    ("/a\tb", None),
    ("/a\u{7f}b", None),
    ("/a%C2%85b", None),
    ("/a\u{85}b", None),
    // Escapes of escapes, and what is no escape.
    ("/%2561", None),
    ("/%252F", None),
    ("/%25", None),
    ("/50%25", None),
    ("/%", None),
    ("/%6", None),
    ("/%6/", None),
    ("/%zz", None),
    ("/%u002f", None),
    ("/%+1", None),
    ("/a%-1", None),
    // Bytes that are no text.
    ("/%ff", None),
    ("/%c0%af", None),
    ("/%c3", None),
    ("/%c3/%a9", None),
    ("/%ed%a0%80", None),
    ("/%f5%80%80%80", None),
    ("/%e0%80%af", None),
];

#[test]
fn every_spelling_is_made_canonical_or_refused() {
    assert!(SPELLINGS.len() >= 60);
    for (raw, expected) in SPELLINGS {
        let found = canonicalise(raw);
        assert_eq!(found.as_deref().ok(), *expected, "{raw:?}: {found:?}");
    }
}

#[test]
fn a_plain_path_is_not_copied() {
    assert!(matches!(canonicalise("/hello/world"), Ok(Cow::Borrowed(_))));
}

#[tokio::test]
async fn the_canonical_path_is_what_is_routed_and_what_the_plugin_sees() {
    let edge = edge(Fake::new());
    let path = async |uri| ask(&edge, empty(request("GET", uri))).await.body;
    assert_eq!(path("/hello/world").await, "/world");
    assert_eq!(path("/h%65llo/w%6Frld").await, "/world");
    assert_eq!(path("/hello/J%C3%BCrgen%20B").await, "/J\u{fc}rgen B");
    assert_eq!(path("/hello").await, "/");

    let models = ask(&edge, empty(request("GET", "/v1/m%6fdels"))).await;
    assert_eq!(models.json()["object"], "list");
}

#[tokio::test]
async fn a_path_with_two_readings_is_a_400_before_anything_else() {
    let edge = edge(Fake::new());
    for (uri, _) in SPELLINGS.iter().filter(|(_, canonical)| canonical.is_none()) {
        // Not every spelling gets through the parser of URIs to begin with.
        let request = axum::http::Request::builder().uri(*uri).body(axum::body::Body::empty());
        let Ok(request) = request else { continue };
        if request.uri().path() != *uri {
            continue;
        }
        let answered = Answered::read(edge.answer(PEER, request).await).await;
        assert_eq!(answered.fault(), (400, "LDR-HTTP-PATH".into()), "{uri}");
    }
}

fn canonical(raw: &str) -> Option<String> {
    canonicalise(raw).ok().map(Cow::into_owned)
}

fn spellings() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "/", "//", ".", "..", "%", "%2", "%2e", "%2F", "%25", "%41", "%c3%a9", "%ff", ";",
            "\\", "a", "hello", "\u{e9}", "\u{85}", "?", "#", " ", "\n",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_canonical_path_has_one_reading(tail in spellings()) {
        let raw = format!("/{tail}");
        if let Ok(path) = canonicalise(&raw) {
            prop_assert_eq!(canonical(&path), Some(path.to_string()), "it is canonical itself");
            prop_assert!(path.starts_with('/'));
            prop_assert!(!path.contains("//") && !path.contains('%') && !path.contains('\\'));
            prop_assert!(!path.chars().any(char::is_control));
            prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
        }
    }

    #[test]
    fn no_text_makes_it_panic(raw: String) {
        let _ = canonicalise(&raw);
    }

    #[test]
    fn a_path_of_plain_segments_stays_as_it_is(
        segments in prop::collection::vec("[a-zA-Z0-9_~-]{1,8}", 1..5),
    ) {
        let path = format!("/{}", segments.join("/"));
        prop_assert_eq!(canonical(&path), Some(path));
    }

    #[test]
    fn escaping_what_needs_none_changes_nothing(name in "[a-zA-Z0-9_~-]{1,16}", which: prop::sample::Index) {
        let which = which.index(name.len());
        let escaped: String = name.bytes().enumerate().map(|(index, byte)| {
            if index == which { format!("%{byte:02x}") } else { char::from(byte).to_string() }
        }).collect();
        prop_assert_eq!(canonical(&format!("/{escaped}")), Some(format!("/{name}")));
    }
}

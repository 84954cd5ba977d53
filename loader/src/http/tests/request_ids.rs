//! Every answer carries a name by which it is found in the log.

use std::collections::HashSet;

use super::fake::Fake;
use super::{anonymous, ask, edge, empty, request};

#[tokio::test]
async fn a_sane_id_is_taken_over_and_any_other_replaced() {
    let edge = edge(Fake::new());
    let id = async |given: &str| {
        let request = empty(request("GET", "/hello").header("x-request-id", given));
        ask(&edge, request).await.header("x-request-id").to_owned()
    };
    let longest = "x".repeat(128);
    for sane in ["a", "7f3c-11.B_x", longest.as_str()] {
        assert_eq!(id(sane).await, sane);
    }
    let too_long = "x".repeat(129);
    for other in ["", "a b", "a\"b", "a=b", "<script>", too_long.as_str()] {
        let made = id(other).await;
        assert!(made.len() == 16 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");
    }
}

#[tokio::test]
async fn every_answer_has_one_even_a_refusal_and_no_two_are_alike() {
    let edge = edge(Fake::new());
    let mut ids = HashSet::new();
    for _ in 0..100 {
        for request in [
            empty(request("GET", "/hello")),
            empty(request("GET", "/nowhere")),
            empty(anonymous("GET", "/health")),
            empty(anonymous("GET", "/hello")),
            empty(anonymous("GET", "/a//b")),
        ] {
            let answered = ask(&edge, request).await;
            assert_eq!(answered.header("x-request-id").len(), 16);
            ids.insert(answered.header("x-request-id").to_owned());
        }
    }
    assert_eq!(ids.len(), 500);
}

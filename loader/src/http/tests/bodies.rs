//! Limits on bodies. Time stands still here, except where everybody waits for it.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use futures_util::stream::{self, StreamExt as _};
use loader_gateway::config::Config;
use tokio::time::Instant;

use super::fake::Fake;
use super::{ask, edge, policy_of, request};
use crate::http::Edge;

fn strict() -> Edge<Fake> {
    let mut config = Config::default();
    config.gateway.max_body_bytes = 10;
    Edge::new(Fake::new(), policy_of(&config))
}

fn chunked(pieces: &'static [&'static str]) -> Body {
    Body::from_stream(stream::iter(pieces.iter().map(|piece| Ok::<_, std::io::Error>(*piece))))
}

fn post(body: Body) -> Request<Body> {
    request("POST", "/hello").body(body).expect("a request")
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    let edge = strict();
    for (body, status) in [
        (Body::empty(), 200),
        (Body::from("0123456789"), 200),
        (chunked(&["01234", "56789"]), 200),
        (chunked(&["", "0", "", "1"]), 200),
        (Body::from("0123456789x"), 413),
        (chunked(&["01234", "56789", "x"]), 413),
        (chunked(&["0123456789012345678901234567890123456789"]), 413),
    ] {
        let answered = ask(&edge, post(body)).await;
        assert_eq!(answered.status, status);
        if status == 413 {
            assert_eq!(answered.fault().1, "LDR-HTTP-BODY-SIZE");
            assert_eq!(answered.json()["error"]["code"], "body_too_large");
            let hint = "send less, or let more in: loader run --set gateway.max_body_bytes=1048576";
            assert_eq!(answered.json()["error"]["loader"]["hint"], hint);
        }
    }
}

#[tokio::test]
async fn the_limit_holds_for_the_gateways_own_routes_too() {
    let large = format!("{{\"messages\": \"{}\"}}", "x".repeat(100));
    let request =
        request("POST", "/v1/chat/completions").body(Body::from(large)).expect("a request");
    assert_eq!(ask(&strict(), request).await.fault(), (413, "LDR-HTTP-BODY-SIZE".into()));
}

#[tokio::test]
async fn a_plugin_gets_the_whole_body() {
    let fake = Fake::new();
    let watcher = fake.watcher();
    ask(&edge(fake), post(chunked(&["hel", "", "lo"]))).await;
    assert_eq!(watcher.handled()[0].body, b"hello");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_is_given_up_after_the_idle_time() {
    let edge = edge(Fake::new());
    let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from("x"))]).chain(stream::pending());
    let began = Instant::now();
    let answered = ask(&edge, post(Body::from_stream(body))).await;
    assert_eq!(answered.fault(), (408, "LDR-HTTP-BODY-TIMEOUT".into()));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_given_up_after_the_total_time() {
    let edge = edge(Fake::new());
    let trickle = stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_secs(7)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from("x")), ()))
    });
    let began = Instant::now();
    let answered = ask(&edge, post(Body::from_stream(trickle))).await;
    assert_eq!(answered.fault(), (408, "LDR-HTTP-BODY-TIMEOUT".into()));
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_400() {
    let broken = stream::iter([Ok(Bytes::from("x")), Err(std::io::Error::other("gone"))]);
    let answered = ask(&edge(Fake::new()), post(Body::from_stream(broken))).await;
    assert_eq!(answered.fault(), (400, "LDR-HTTP-BODY".into()));
}

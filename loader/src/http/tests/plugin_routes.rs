//! What plugins see of a request, and what clients see of a plugin's answer.

use std::time::{Duration, Instant};

use axum::body::Body;
use loader_abi::class;
use loader_core::message::{Failure, Metadata, Reply};

use super::fake::{Fake, Handled};
use super::{ask, edge, empty, request};

async fn handled(request: axum::http::Request<Body>) -> Handled {
    let fake = Fake::new();
    let watcher = fake.watcher();
    ask(&edge(fake), request).await;
    watcher.handled().pop().expect("the plugin was asked")
}

#[tokio::test]
async fn a_plugin_sees_method_path_query_headers_and_body() {
    let request = request("PATCH", "/hello/a/b?x=1&y=%2F").header("accept", "text/plain");
    let request = request.header("x-many", "1").header("x-many", "2").body(Body::from("body"));
    let seen = handled(request.expect("a request")).await;
    assert_eq!(seen.text(":method"), Some("PATCH"));
    assert_eq!(seen.text(":path"), Some("/a/b"));
    assert_eq!(seen.text(":query"), Some("x=1&y=%2F"), "the query stays raw");
    assert_eq!(seen.text("accept"), Some("text/plain"));
    assert_eq!(seen.text("host"), Some("127.0.0.1:7280"));
    let many: Vec<_> = seen.metadata.iter().filter(|(name, _)| *name == "x-many").collect();
    assert_eq!(many, [("x-many", b"1".as_slice()), ("x-many", b"2".as_slice())]);
    assert_eq!(seen.body, b"body");
    assert_eq!(handled(empty(super::request("GET", "/hello"))).await.text(":query"), None);
}

#[tokio::test]
async fn a_plugin_does_not_see_credentials_or_what_anybody_could_have_made_up() {
    let mut request = request("GET", "/hello").header("connection", "close, X-Hop, Host");
    for name in [
        "proxy-authorization",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "x-hop",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
        "ldr-capability",
        "LDR-Anything",
    ] {
        request = request.header(name, "secret");
    }
    let seen = handled(empty(request.header("cookie", "theirs=1"))).await;
    let mut names: Vec<_> = seen.metadata.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, [":method", ":path", "cookie", "host", "x-request-id"]);
}

#[tokio::test]
async fn a_plugin_knows_the_request_by_the_same_name_as_the_client() {
    let fake = Fake::new();
    let watcher = fake.watcher();
    let edge = edge(fake);
    let given = ask(&edge, empty(request("GET", "/hello").header("x-request-id", "mine"))).await;
    let made = ask(&edge, empty(request("GET", "/hello").header("x-request-id", "not sane"))).await;
    for (seen, answered) in watcher.handled().iter().zip([given, made]) {
        let ids: Vec<_> =
            seen.metadata.iter().filter(|(name, _)| *name == "x-request-id").collect();
        assert_eq!(ids, [("x-request-id", answered.header("x-request-id").as_bytes())]);
    }
}

#[tokio::test]
async fn a_call_knows_its_caller_its_deadline_and_its_trace() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let began = Instant::now();
    let seen = handled(empty(request("GET", "/hello").header("traceparent", trace))).await;
    assert_eq!(&*seen.options.caller, "gateway");
    assert_eq!(seen.options.trace.to_traceparent().as_deref(), Some(trace));
    let deadline = seen.options.deadline.expect("a deadline").duration_since(began);
    assert!(deadline >= Duration::from_secs(120) && deadline < Duration::from_secs(180));

    let seen = handled(empty(request("GET", "/hello").header("traceparent", "nonsense"))).await;
    assert_eq!(seen.options.trace.to_traceparent(), None);
}

#[tokio::test]
async fn a_plugin_says_status_headers_and_body() {
    let edge = edge(Fake::handling(|_| {
        let metadata = Metadata::new().with(":status", "201").with("content-type", "text/plain");
        let metadata = metadata.with("set-cookie", "a=1").with("set-cookie", "b=2");
        Ok(Reply { metadata, body: b"made".to_vec() })
    }));
    let answered = ask(&edge, empty(request("POST", "/hello"))).await;
    assert_eq!((answered.status.as_u16(), &*answered.body), (201, b"made".as_slice()));
    assert_eq!(answered.header("content-type"), "text/plain");
    let cookies: Vec<_> = answered.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[tokio::test]
async fn what_is_about_the_connection_is_not_the_plugins_to_say() {
    let edge = edge(Fake::handling(|_| {
        let mut metadata = Metadata::new().with(":unknown", "x").with("ldr-anything", "x");
        for name in ["connection", "transfer-encoding", "upgrade", "keep-alive", "trailer"] {
            metadata.push(name, "x");
        }
        metadata.push("content-length", "7000");
        metadata.push("x-request-id", "forged");
        Ok(Reply { metadata, body: Vec::new() })
    }));
    let answered = ask(&edge, empty(request("GET", "/hello").header("x-request-id", "mine"))).await;
    assert_eq!(answered.headers.keys().collect::<Vec<_>>(), ["x-request-id"]);
    assert_eq!(answered.headers.get_all("x-request-id").iter().collect::<Vec<_>>(), ["mine"]);
}

#[tokio::test]
async fn a_plugins_answer_that_makes_no_sense_is_a_502() {
    for (name, value) in [
        (":status", "99"),
        (":status", "101"),
        (":status", "600"),
        (":status", "ok"),
        (":status", ""),
        ("not a header", "x"),
        ("", "x"),
        ("x-broken", "a\r\nset-cookie: b"),
    ] {
        let edge = edge(Fake::handling(move |_| {
            Ok(Reply { metadata: Metadata::new().with(name, value), body: Vec::new() })
        }));
        let answered = ask(&edge, empty(request("GET", "/hello"))).await;
        assert_eq!(answered.fault(), (502, "LDR-HTTP-RESPONSE".into()), "{name:?}: {value:?}");
    }
}

#[tokio::test]
async fn a_plugins_failure_has_the_status_of_its_class() {
    for (class, origin, status) in [
        (class::INVALID, "plugin:hello", 400),
        (class::UNAUTHENTICATED, "plugin:hello", 502),
        (class::FORBIDDEN, "plugin:hello", 403),
        (class::NOT_FOUND, "plugin:hello", 404),
        (class::EXHAUSTED, "plugin:hello", 429),
        (class::UNAVAILABLE, "plugin:hello", 502),
        (class::UNAVAILABLE, "host", 503),
        (class::DEADLINE, "host", 504),
        (class::UNIMPLEMENTED, "host", 501),
        (class::PANIC, "host", 500),
    ] {
        let failure = Failure {
            retry_after: Some(Duration::from_millis(1500)),
            origin: origin.into(),
            ..Failure::new(class, "some_code", "some reason")
        };
        let edge = edge(Fake::handling(move |_| Err(failure.clone())));
        let answered = ask(&edge, empty(request("GET", "/hello"))).await;
        assert_eq!(answered.fault(), (status, "some_code".into()));
        assert_eq!(answered.header("retry-after"), "2");
        assert_eq!(answered.json()["error"]["loader"]["origin"], origin);
    }
}

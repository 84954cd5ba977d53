//! Who may come in: hosts, origins, tokens, and the order in which they are looked at.

use axum::body::Body;
use axum::http::Request;
use loader_gateway::config::Config;
use std::net::{IpAddr, SocketAddr};

use super::fake::Fake;
use super::{BEARER, PEER, Policy, anonymous, ask, edge, empty, policy_of, request};
use crate::http::Edge;

fn with_hosts(bound: &str, allowed: &[&str]) -> Edge<Fake> {
    let mut config = Config::default();
    config.gateway.allowed_hosts = allowed.iter().map(ToString::to_string).collect();
    let bound: SocketAddr = bound.parse().expect("an address");
    let policy = Policy { hosts: policy_hosts(&config, bound), ..policy_of(&config) };
    Edge::new(Fake::new(), policy)
}

fn policy_hosts(config: &Config, bound: SocketAddr) -> crate::http::host::Hosts {
    Policy::new(config, bound, [0; 32]).expect("sane host names").hosts
}

fn to_host(host: &str) -> Request<Body> {
    let request = Request::builder().uri("/hello").header("authorization", BEARER);
    empty(request.header("host", host))
}

#[tokio::test]
async fn only_hosts_on_the_list_are_answered() {
    let edge =
        with_hosts("192.0.2.7:7280", &["gateway.example", "other.example:8443", "[2001:db8::1]"]);
    for (host, status) in [
        ("localhost", 200),
        ("localhost:1", 200),
        ("LocalHost:7280", 200),
        ("127.0.0.1", 200),
        ("127.0.0.1:7280", 200),
        ("[::1]", 200),
        ("[::1]:7280", 200),
        ("[0:0:0:0:0:0:0:1]", 200),
        ("192.0.2.7", 200),
        ("192.0.2.7:80", 200),
        ("gateway.example", 200),
        ("gateway.example:8080", 200),
        ("GATEWAY.example", 200),
        ("other.example:8443", 200),
        ("[2001:db8:0::1]:80", 200),
        ("other.example", 421),
        ("other.example:80", 421),
        ("evil.example", 421),
        ("gateway.example.evil.example", 421),
        ("evil-gateway.example", 421),
        ("localhost.", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.2", 421),
        ("0.0.0.0", 421),
        ("2130706433", 421),
        ("127.1", 421),
        ("0x7f.0.0.1", 421),
        ("[::]", 421),
        ("[::ffff:127.0.0.1]", 421),
        ("192.0.2.8", 421),
        ("", 400),
        (":7280", 400),
        ("localhost:", 400),
        ("localhost:99999", 400),
        ("localhost:x", 400),
        ("localhost:+1", 400),
        ("localhost:1:2", 400),
        ("::1", 400),
        ("[::1", 400),
        ("[::1]x", 400),
        ("[fe80::1%25eth0]", 400),
        ("user@localhost", 400),
        ("localhost/x", 400),
        ("local host", 400),
        ("localhost,evil.example", 400),
    ] {
        let answered = ask(&edge, to_host(host)).await;
        assert_eq!(answered.status, status, "{host:?}");
        if status != 200 {
            assert_eq!(answered.fault().1, "LDR-HTTP-HOST", "{host:?}");
        }
    }
}

#[tokio::test]
async fn a_request_needs_exactly_one_host() {
    let edge = edge(Fake::new());
    let none = empty(Request::builder().uri("/hello").header("authorization", BEARER));
    assert_eq!(ask(&edge, none).await.fault(), (400, "LDR-HTTP-HOST".into()));
    let two = empty(request("GET", "/hello").header("host", "localhost"));
    assert_eq!(ask(&edge, two).await.fault(), (400, "LDR-HTTP-HOST".into()));
}

#[tokio::test]
async fn a_whole_uri_must_name_a_host_on_the_list_too() {
    let edge = edge(Fake::new());
    for (uri, status) in [
        ("http://localhost:7280/hello", 200),
        ("http://evil.example/hello", 421),
        ("http://user@localhost/hello", 400),
    ] {
        assert_eq!(ask(&edge, empty(request("GET", uri))).await.status, status, "{uri}");
    }
}

#[tokio::test]
async fn being_bound_to_every_address_names_none() {
    let edge = with_hosts("0.0.0.0:7280", &[]);
    assert_eq!(ask(&edge, to_host("0.0.0.0:7280")).await.status, 421);
    assert_eq!(ask(&edge, to_host("127.0.0.1:7280")).await.status, 200);
}

#[test]
fn an_allowed_host_that_is_no_name_is_refused_at_the_start() {
    for name in ["", "*", "*.example", "http://gateway.example", "gateway.example/", "a b", "::1"] {
        let mut config = Config::default();
        config.gateway.allowed_hosts = vec!["fine.example".into(), name.into()];
        let refused = Policy::new(&config, SocketAddr::from(([127, 0, 0, 1], 0)), [0; 32]);
        let code = refused.map_err(|diagnostic| diagnostic.code).err();
        assert_eq!(code, Some("LDR-HTTP-ALLOWED-HOST"), "{name:?}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_kept_out() {
    let edge = with_hosts("127.0.0.1:7280", &["gateway.example"]);
    for (headers, status) in [
        (&[][..], 200),
        (&[("origin", "http://127.0.0.1:7280")], 200),
        (&[("origin", "https://127.0.0.1:7280")], 200),
        (&[("origin", "https://gateway.example")], 200),
        (&[("sec-fetch-site", "none")], 200),
        (&[("sec-fetch-site", "same-origin")], 200),
        (&[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:7280")], 200),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "")], 403),
        (&[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:7280")], 403),
        (&[("origin", "http://evil.example")], 403),
        (&[("origin", "http://127.0.0.1")], 403),
        (&[("origin", "http://127.0.0.1:3000")], 403),
        (&[("origin", "http://localhost:7280")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "")], 403),
        (&[("origin", "file://")], 403),
        (&[("origin", "chrome-extension://abcdef")], 403),
        (&[("origin", "http://127.0.0.1:7280/")], 403),
        (&[("origin", "http://127.0.0.1:7280.evil.example")], 403),
        (&[("origin", "http://127.0.0.1:7280@evil.example")], 403),
        (&[("origin", "http://127.0.0.1:7280"), ("origin", "http://evil.example")], 403),
    ] {
        let mut request = request("GET", "/hello");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answered = ask(&edge, empty(request)).await;
        assert_eq!(answered.status, status, "{headers:?}");
        if status == 403 {
            assert_eq!(answered.fault().1, "LDR-HTTP-ORIGIN", "{headers:?}");
        }
        let cors = |name: &&axum::http::HeaderName| name.as_str().starts_with("access-control-");
        assert_eq!(answered.headers.keys().find(cors), None);
    }
}

#[tokio::test]
async fn a_port_that_goes_without_saying_is_the_same_origin() {
    let edge = edge(Fake::new());
    for (host, origin, status) in [
        ("localhost", "http://localhost", 200),
        ("localhost:80", "http://localhost", 200),
        ("localhost", "http://localhost:80", 200),
        ("localhost", "https://localhost", 200),
        ("localhost:443", "https://localhost", 200),
        ("localhost:443", "http://localhost", 403),
        ("[::1]:7280", "http://[::1]:7280", 200),
    ] {
        let request = Request::builder().uri("/hello").header("authorization", BEARER);
        let request = request.header("host", host).header("origin", origin);
        assert_eq!(ask(&edge, empty(request)).await.status, status, "{host} {origin}");
    }
}

#[tokio::test]
async fn every_way_to_show_the_token_but_one_is_wrong() {
    let edge = edge(Fake::new());
    let token = super::TOKEN;
    for (index, (value, right)) in [
        (format!("Bearer {token}"), true),
        (format!("bearer {token}"), true),
        (format!("BEARER  {token} "), true),
        (format!("Bearer {token}x"), false),
        (format!("Bearer x{token}"), false),
        (format!("Bearer {}", token.to_uppercase()), false),
        (format!("Bearer {}", &token[..token.len() - 1]), false),
        ("Bearer ".into(), false),
        ("Bearer".into(), false),
        (String::new(), false),
        (token.into(), false),
        (format!("Basic {token}"), false),
        (format!("Bearer{token}"), false),
        (format!("Bearer {token}, Bearer {token}"), false),
    ]
    .into_iter()
    .enumerate()
    {
        // Each from an address of its own, so that the limit on wrong tokens stays out of it.
        let peer = IpAddr::from([10, 0, 0, u8::try_from(index).expect("few")]);
        let request = empty(anonymous("GET", "/hello").header("authorization", &value));
        let response = edge.answer(peer, request).await;
        assert_eq!(response.status(), if right { 200 } else { 401 }, "{value:?}");
    }
    let twice = empty(request("GET", "/hello").header("authorization", BEARER));
    assert_eq!(ask(&edge, twice).await.status, 401, "two tokens are one too many");
}

#[tokio::test]
async fn the_gateways_own_401_says_so() {
    let edge = edge(Fake::new());
    let answered = ask(&edge, empty(anonymous("GET", "/v1/models"))).await;
    assert_eq!(answered.fault(), (401, "LDR-HTTP-TOKEN".into()));
    assert_eq!(answered.header("www-authenticate"), "Bearer");
    assert_eq!(answered.header("content-type"), "application/json");
    let error = &answered.json()["error"];
    assert_eq!(error["type"], "authentication_error");
    assert_eq!(error["code"], "invalid_api_key");
    assert_eq!(error["loader"]["origin"], "host");
    assert_ne!(error["loader"]["hint"].as_str().unwrap_or_default(), "");
}

#[tokio::test]
async fn without_the_token_nothing_shows_but_whether_the_gateway_is_well() {
    let edge = edge(Fake::new());
    for (method, path, status) in [
        ("GET", "/health", 200),
        ("HEAD", "/health", 200),
        ("POST", "/health", 401),
        ("GET", "/health/", 401),
        ("GET", "/HEALTH", 401),
        ("GET", "/v1/models", 401),
        ("POST", "/v1/chat/completions", 401),
        ("GET", "/hello", 401),
        ("OPTIONS", "/hello", 401),
        ("GET", "/hello?token=ldr_the-right-token-of-this-gateway", 401),
        ("GET", "/nowhere", 401),
        ("GET", "/", 401),
    ] {
        let answered = ask(&edge, empty(anonymous(method, path))).await;
        assert_eq!(answered.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn the_first_thing_that_is_wrong_is_what_is_said() {
    let edge = edge(Fake::new());
    let wrong = |uri: &str, host: &str, origin: &str, token: &str| {
        let request = Request::builder().method("POST").uri(uri).header("host", host);
        let request = request.header("origin", origin).header("authorization", token);
        request.header("content-length", "999999999").body(Body::from("{")).expect("a request")
    };
    let (uri, host, origin) = ("/v1/chat/completions", "localhost", "http://localhost");
    for (request, code) in [
        (wrong("/a//b", "evil.example", "http://evil.example", "Bearer x"), "LDR-HTTP-PATH"),
        (wrong(uri, "evil.example", "http://evil.example", "Bearer x"), "LDR-HTTP-HOST"),
        (wrong(uri, host, "http://evil.example", "Bearer x"), "LDR-HTTP-ORIGIN"),
        (wrong(uri, host, origin, "Bearer x"), "LDR-HTTP-TOKEN"),
        (wrong("/nowhere", host, origin, BEARER), "LDR-HTTP-NO-ROUTE"),
        (wrong(uri, host, origin, BEARER), "LDR-CHAT-JSON"),
    ] {
        assert_eq!(ask(&edge, request).await.fault().1, code);
    }
}

#[tokio::test]
async fn too_many_wrong_tokens_of_one_address_are_a_429() {
    let edge = edge(Fake::new());
    let wrong = || empty(anonymous("GET", "/health").header("authorization", "Bearer wrong"));
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(ask(&edge, wrong()).await.status.as_u16());
    }
    assert_eq!(statuses[..10], [401; 10], "a few mistakes are forgiven");
    let limited = ask(&edge, wrong()).await;
    assert_eq!(limited.fault(), (429, "LDR-HTTP-RATE".into()));
    assert_eq!(limited.header("retry-after"), "1");

    let right = ask(&edge, empty(request("GET", "/health"))).await;
    assert_eq!(right.status, 200, "who has the token does not pay for who has not");
    let other = edge.answer(IpAddr::from([127, 0, 0, 9]), wrong()).await;
    assert_eq!(other.status(), 401, "another address starts afresh");
    assert_ne!(PEER, IpAddr::from([127, 0, 0, 9]));
}

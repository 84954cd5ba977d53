//! Pages of a server on loopback, fetched by a command, over HTTP and by another plugin; which addresses are
//! refused; and providers that fail.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect},
    routing::get,
};
use integration_tests::{Home, build, client::Client, gateway::Gateway};
use serde_json::{Value, json};
use std::{fs, path::Path as FilePath};
use tokio::{net::TcpListener, process::Command};

/// The page that the plugin's own tests read too.
const ARTICLE: &str = include_str!("../../plugins/readable/src/tests/article.html");
const LATIN: &[u8] = include_bytes!("../../plugins/readable/src/tests/latin.html");

/// A server with pages, and one of another origin that leads to it.
struct Pages {
    url: String,
    other: String,
}

impl Pages {
    async fn start() -> Self {
        let pages = Router::new()
            .route("/article", get(|| async { Html(ARTICLE) }))
            .route("/latin", get(|| async { ([(header::CONTENT_TYPE, "text/html")], LATIN) }))
            .route("/gone", get(|| async { (StatusCode::NOT_FOUND, Html("<h1>Gone</h1>")) }))
            .route("/image", get(|| async { ([(header::CONTENT_TYPE, "image/png")], "png") }))
            .route("/huge", get(|| async { Html("x".repeat(9 << 20)) }))
            .route("/moved", get(|| async { Redirect::to("/article") }))
            .route("/agent", get(agent));
        let url = serve(pages).await;
        let onward = Router::new().route("/{page}", get(onward)).with_state(url.clone());
        Self { url, other: serve(onward).await }
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn agent(headers: HeaderMap) -> impl IntoResponse {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    agent.unwrap_or_default().to_owned()
}

async fn onward(State(url): State<String>, Path(page): Path<String>) -> Redirect {
    match page.as_str() {
        "file" => Redirect::to("file:///etc/hostname"),
        page => Redirect::to(&format!("{url}/{page}")),
    }
}

const PRIVATE: &str = "[web_fetch]\nallow_private = true\n";

async fn gateway(config: &str) -> (Home, Gateway) {
    let home = Home::new();
    for plugin in ["readable", "astray", "caller"] {
        home.add(plugin);
    }
    let gateway = Gateway::start(&home, config).await;
    (home, gateway)
}

/// What is fetched over HTTP, or the error.
async fn fetch(gateway: &Gateway, request: Value) -> Result<Value, Value> {
    post(gateway, "/v1/capabilities/web-fetch/1/fetch", request).await
}

async fn post(gateway: &Gateway, path: &str, body: Value) -> Result<Value, Value> {
    let answer = Client::connect(gateway).await.post(path, &body).await.expect("an answer");
    match answer.status {
        200 => Ok(answer.json()),
        _ => Err(answer.json()["error"].clone()),
    }
}

async fn refusal(gateway: &Gateway, url: &str) -> String {
    let error = fetch(gateway, json!({ "url": url })).await.expect_err(url);
    error["loader"]["code"].as_str().expect("a code").to_owned()
}

/// Runs `loader call web-fetch/1/fetch`, beside the gateway or on its own.
async fn call(home: &Home, config: &FilePath, request: &Value) -> Value {
    let mut command = Command::new(build::loader());
    command.arg("--config").arg(config).arg("--state-dir").arg(home.state());
    command.arg("--plugins-dir").arg(home.plugins());
    command.args(["--json", "call", "web-fetch/1/fetch", &request.to_string()]);
    command.env_clear().env("HOME", home.state());
    let output = command.output().await.expect("it can be run");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_fetched_by_command_over_http_and_by_another_plugin() {
    let pages = Pages::start().await;
    let (home, gateway) = gateway(&format!("{PRIVATE}providers = [\"readable\"]\n")).await;
    let url = format!("{}/article", pages.url);
    let request = json!({ "url": format!("{url}#next"), "format": "markdown" });
    let page = fetch(&gateway, request.clone()).await.expect("the page");
    assert_eq!(page["url"], url);
    assert_eq!((&page["status"], &page["truncated"]), (&json!(200), &json!(false)));
    assert_eq!(page["title"], "Why the old mill turns again");
    assert_eq!(
        (&page["content_type"], &page["provider"]),
        (&json!("text/markdown"), &json!("readable"))
    );
    let content = page["content"].as_str().expect("text");
    assert!(content.contains("## What comes next") && !content.contains("Subscribe"), "{content}");

    assert_eq!(post(&gateway, "/astray", request.clone()).await.expect("the page"), page);
    let raw = json!({ "operation": "web-fetch/1/fetch", "request": request });
    assert_eq!(post(&gateway, "/caller", raw).await.expect("the page"), page);
    let config = home.state().with_file_name("loader.toml");
    assert_eq!(call(&home, &config, &request).await["data"], page);
    // By a command alone, with no gateway beside it.
    drop(gateway);
    let alone = Home::new();
    alone.add("readable");
    assert_eq!(call(&alone, &config, &request).await["data"], page);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_answered_as_it_is() {
    let pages = Pages::start().await;
    let (_home, gateway) =
        gateway(&format!("{PRIVATE}providers = [\"readable\"]\nonly = true\n")).await;
    let get =
        async |path: &str| fetch(&gateway, json!({ "url": format!("{}{path}", pages.url) })).await;
    let gone = get("/gone").await.expect("a page");
    assert_eq!((&gone["status"], &gone["content"]), (&json!(404), &json!("Gone")));
    let latin = get("/latin").await.expect("a page");
    assert_eq!(latin["title"], "Die Mühle dreht sich wieder");
    assert!(latin["content"].as_str().expect("text").contains("Zwölf Freiwillige"), "{latin}");
    let agent = get("/agent").await.expect("a text");
    assert!(agent["content"].as_str().expect("text").starts_with("loader/"), "{agent}");
    for (path, code, named) in
        [("/image", "not_text", "image/png"), ("/huge", "too_large", "8388608 bytes")]
    {
        let error = get(path).await.expect_err(path);
        assert_eq!(error["loader"]["code"], code);
        let message = error["message"].as_str().expect("text");
        assert!(message.contains(named) && message.contains("`readable`"), "{message}");
    }
    let few = json!({ "url": format!("{}/article", pages.url), "max_bytes": 20 });
    let few = fetch(&gateway, few).await.expect("a page");
    assert_eq!(
        (few["content"].as_str().map(str::len), &few["truncated"]),
        (Some(20), &json!(true))
    );
    let format = json!({ "url": pages.url, "format": "pdf" });
    let error = fetch(&gateway, format).await.expect_err("no such format");
    assert_eq!(error["loader"]["code"], "LDR-CALL-REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_this_machine_are_refused_unless_the_operator_allows_them() {
    let pages = Pages::start().await;
    let (_home, gateway) = gateway("[web_fetch]\nproviders = [\"readable\"]\n").await;
    let port = pages.url.rsplit(':').next().expect("a port");
    for host in ["127.0.0.1", "localhost", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "10.0.0.1"]
    {
        assert_eq!(
            refusal(&gateway, &format!("http://{host}:{port}/article")).await,
            "url_forbidden"
        );
    }
    assert_eq!(refusal(&gateway, "file:///etc/hostname").await, "url_forbidden");
    assert_eq!(refusal(&gateway, "http://me:word@example.com/").await, "url_forbidden");
    assert_eq!(refusal(&gateway, "article").await, "url_invalid");
    let error = post(&gateway, "/astray", json!({ "url": pages.url })).await.expect_err("refused");
    assert_eq!(error["loader"]["code"], "url_forbidden");
    let error = fetch(&gateway, json!({ "url": format!("{}/secret", pages.url) })).await;
    let error = error.expect_err("refused");
    assert!(error["loader"]["hint"].as_str().expect("a hint").contains("web_fetch.allow_private"));
    assert!(!error["message"].as_str().expect("text").contains("secret"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_where_they_may_lead() {
    let pages = Pages::start().await;
    let (_home, open) = gateway(&format!("{PRIVATE}providers = [\"readable\"]\n")).await;
    for url in [
        format!("{}/moved", pages.url),
        format!("{}/article", pages.other),
        format!("{}/moved", pages.other),
    ] {
        let page = fetch(&open, json!({ "url": url })).await.expect(&url);
        assert_eq!(page["title"], "Why the old mill turns again", "{url}");
        assert!(page["url"].as_str().expect("an address").starts_with(&pages.url), "{page}");
    }
    assert_eq!(refusal(&open, &format!("{}/file", pages.other)).await, "url_forbidden");

    // A page of the internet that leads to this machine, and one that says it was found there.
    for astray in ["inward", "inside"] {
        let config = format!("[web_fetch]\nproviders = [\"{astray}\", \"readable\"]\n");
        let (_home, gateway) = gateway(&config).await;
        assert_eq!(refusal(&gateway, "http://example.com/").await, "url_forbidden", "{astray}");
    }
    let (_home, gateway) = gateway("[web_fetch]\nproviders = [\"round\"]\nonly = true\n").await;
    assert_eq!(refusal(&gateway, "http://example.com/").await, "fetch_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fails_is_followed_by_the_next() {
    let pages = Pages::start().await;
    let request = json!({ "url": format!("{}/article", pages.url) });
    for (bad, code) in [
        ("error", "fetch_failed"),
        ("panic", "LDR-CALL-PANIC"),
        ("never", "LDR-CALL-DEADLINE"),
        ("long", "LDR-WEBFETCH-BROKEN"),
        ("other-type", "LDR-WEBFETCH-BROKEN"),
    ] {
        let config = format!(
            "{PRIVATE}timeout_ms = 1500\nproviders = [\"{bad}\", \"nobody\", \"readable\"]\n"
        );
        let (_home, gateway) = gateway(&config).await;
        let page = fetch(&gateway, request.clone()).await.expect(bad);
        assert_eq!(page["provider"], "readable", "{bad}");
        let provider = format!("provider=\"{bad}\"");
        gateway
            .await_log(0, &["this one does not fetch it", &provider, "plugin=\"astray\"", code])
            .await;
    }
    // One that does not read such pages is followed too, and nobody is warned.
    let (_home, gateway) =
        gateway(&format!("{PRIVATE}providers = [\"image\", \"readable\"]\n")).await;
    assert_eq!(fetch(&gateway, request.clone()).await.expect("a page")["provider"], "readable");
    assert!(
        !gateway.log().iter().any(|line| line.contains("does not fetch")),
        "{:?}",
        gateway.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn why_nobody_fetches_is_told_with_everybodys_reason() {
    let only = |providers: &str| format!("[web_fetch]\nonly = true\nproviders = [{providers}]\n");
    let ask = json!({ "url": "http://example.com/" });
    for (providers, code, parts) in [
        (
            "\"error\", \"panic\"",
            "LDR-WEBFETCH-ALL",
            ["`error` of the plugin `astray`", "LDR-CALL-PANIC"],
        ),
        ("\"error\"", "fetch_failed", ["`error` of the plugin `astray`", "no page today"]),
        ("\"image\"", "not_text", ["`image`", "an image"]),
        ("\"long\"", "LDR-WEBFETCH-BROKEN", ["`long`", "300000 bytes"]),
        ("\"nobody\"", "LDR-WEBFETCH-NONE", ["web_fetch.providers", ""]),
    ] {
        let (_home, gateway) = gateway(&only(providers)).await;
        let error = fetch(&gateway, ask.clone()).await.expect_err(providers);
        assert_eq!(error["loader"]["code"], code, "{error}");
        for part in parts {
            assert!(error["message"].as_str().expect("text").contains(part), "{part}: {error}");
        }
    }
    let home = Home::new();
    home.add("echo");
    let config = home.state().with_file_name("loader.toml");
    fs::write(&config, "").expect("a configuration");
    let envelope = call(&home, &config, &ask).await;
    assert_eq!(envelope["ok"], false, "{envelope}");
}

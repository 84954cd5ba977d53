//! What the gateway answers itself.

use loader_contract::health::HealthStatus;
use serde_json::json;

use super::fake::Fake;
use super::{anonymous, ask, edge, empty, request};

#[tokio::test]
async fn health_tells_anybody_the_verdict_and_the_details_to_who_has_the_token() {
    let edge = edge(Fake::new());
    let anybody = ask(&edge, empty(anonymous("GET", "/health"))).await;
    assert_eq!(anybody.status, 200);
    assert_eq!(anybody.header("content-type"), "application/health+json");
    assert_eq!(anybody.json(), json!({ "status": "pass" }));

    let operator = ask(&edge, empty(request("GET", "/health"))).await;
    assert_eq!(operator.status, 200);
    assert_eq!(
        operator.json(),
        json!({
            "status": "pass",
            "releaseId": "loader 0.1.0",
            "checks": { "hello": [{ "status": "pass" }] },
        })
    );
}

#[tokio::test]
async fn a_failing_gateway_answers_503() {
    for (status, code) in
        [(HealthStatus::Pass, 200), (HealthStatus::Warn, 200), (HealthStatus::Fail, 503)]
    {
        let edge = edge(Fake::being(status));
        assert_eq!(ask(&edge, empty(anonymous("GET", "/health"))).await.status, code);
        assert_eq!(ask(&edge, empty(request("GET", "/health"))).await.status, code);
    }
}

#[tokio::test]
async fn models_are_listed_as_openai_lists_them() {
    let answered = ask(&edge(Fake::new()), empty(request("GET", "/v1/models"))).await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.header("content-type"), "application/json");
    assert_eq!(
        answered.json(),
        json!({ "object": "list", "data": [
            { "id": "echo/echo", "object": "model", "created": 0, "owned_by": "echo" },
        ] })
    );
}

#[tokio::test]
async fn a_method_a_path_does_not_know_is_a_405_that_says_which_it_knows() {
    let edge = edge(Fake::new());
    for (method, path, allow) in [
        ("POST", "/health", "GET, HEAD"),
        ("DELETE", "/v1/models", "GET, HEAD"),
        ("GET", "/v1/chat/completions", "POST"),
        ("OPTIONS", "/v1/chat/completions", "POST"),
    ] {
        let answered = ask(&edge, empty(request(method, path))).await;
        assert_eq!(answered.fault(), (405, "LDR-HTTP-METHOD".into()), "{method} {path}");
        assert_eq!(answered.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn a_path_nobody_answers_is_a_404() {
    let edge = edge(Fake::new());
    for path in
        ["/", "/nowhere", "/v1", "/v1/models/", "/v1/models/x", "/hellow", "/Hello", "/V1/models"]
    {
        let answered = ask(&edge, empty(request("GET", path))).await;
        assert_eq!(answered.fault(), (404, "LDR-HTTP-NO-ROUTE".into()), "{path}");
    }
}

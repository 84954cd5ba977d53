//! What the gateway answers itself.

use std::time::Duration;

use loader_contract::health::HealthStatus;
use loader_gateway::Applied;
use serde_json::json;

use super::fake::Fake;
use super::{PEER, anonymous, ask, edge, empty, request, with_json};
use crate::finding::Finding;

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

#[tokio::test(start_paused = true)]
async fn without_the_token_many_requests_are_one_question() {
    let fake = Fake::examining_for(Duration::from_millis(500));
    let watcher = fake.watcher();
    let edge = edge(fake);
    let anybody = || ask(&edge, empty(anonymous("GET", "/health")));
    // One that goes away at once takes no answer from the others, nor costs another question.
    let gone = tokio::time::timeout(Duration::from_millis(1), anybody());
    assert!(gone.await.is_err(), "there is no answer yet");
    let all = futures_util::future::join_all((0..100).map(|_| anybody())).await;
    assert!(all.iter().all(|answered| answered.status == 200));
    assert_eq!(anybody().await.status, 200);
    assert_eq!(watcher.examined(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(anybody().await.status, 200);
    assert_eq!(watcher.examined(), 2);
    // Who has the token is told how it is now.
    for asked in 3..6 {
        assert_eq!(ask(&edge, empty(request("GET", "/health"))).await.status, 200);
        assert_eq!(watcher.examined(), asked);
    }
}

#[tokio::test]
async fn the_status_is_for_who_has_the_token() {
    let edge = edge(Fake::new());
    assert_eq!(ask(&edge, empty(anonymous("GET", "/admin/status"))).await.status, 401);
    let operator = ask(&edge, empty(request("GET", "/admin/status"))).await;
    assert_eq!(
        (operator.status.as_u16(), operator.json()),
        (
            200,
            json!({
                "release": "loader 0.1.0", "plugins": [], "retained": [], "accounts": [],
                "process": { "thread_local_keys": 3, "retained": 0, "most_retained": 64 },
            })
        )
    );
}

#[tokio::test]
async fn reloads_are_for_who_has_the_token_and_what_is_unknown_is_a_404() {
    let edge = edge(Fake::new());
    assert_eq!(ask(&edge, empty(request("HEAD", "/admin/reloads"))).await.status, 200);
    let events = edge.answer(PEER, empty(request("HEAD", "/admin/events"))).await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    for path in ["/admin/reloads", "/admin/reloads/1", "/admin/events"] {
        assert_eq!(ask(&edge, empty(anonymous("GET", path))).await.status, 401, "{path}");
    }
    let none = ask(&edge, empty(request("GET", "/admin/reloads"))).await;
    assert_eq!((none.status.as_u16(), none.json()), (200, json!([])));
    for (method, path, code) in [
        ("GET", "/admin/reloads/7", (404, "LDR-RELOAD-NUMBER")),
        ("GET", "/admin/reloads/seven", (404, "LDR-HTTP-NO-ROUTE")),
        ("GET", "/admin/reloads/7?wait=long", (400, "LDR-RELOAD-WISH")),
        ("POST", "/admin/plugins/nobody/reload", (404, "LDR-RELOAD-UNKNOWN")),
        ("GET", "/admin/plugins/nobody/reload", (405, "LDR-HTTP-METHOD")),
        ("POST", "/admin/plugins/nobody", (404, "LDR-HTTP-NO-ROUTE")),
    ] {
        let answered = ask(&edge, empty(request(method, path))).await;
        assert_eq!(answered.fault(), (code.0, code.1.into()), "{method} {path}");
    }
}

#[tokio::test]
async fn a_wish_for_a_reload_that_makes_no_sense_is_answered_with_one_that_does() {
    let edge = edge(Fake::new());
    let odd = with_json(request("POST", "/admin/plugins/hello/reload"), &json!({ "window": 5 }));
    for request in [odd, empty(request("GET", "/admin/reloads/7?wait=long"))] {
        let answered = ask(&edge, request).await;
        assert_eq!(answered.fault(), (400, "LDR-RELOAD-WISH".into()));
        let hint = answered.json()["error"]["loader"]["hint"].take();
        assert!(hint.as_str().is_some_and(|hint| hint.starts_with("send nothing, ")), "{hint}");
    }
}

#[tokio::test]
async fn a_configuration_is_applied_by_whoever_reads_it_again() {
    let edge = edge(Fake::new());
    let path = "/admin/config/apply";
    let anybody = ask(&edge, empty(anonymous("POST", path))).await;
    assert_eq!(anybody.status, 401);
    let nobody = ask(&edge, empty(request("POST", path))).await;
    assert_eq!(nobody.fault(), (503, "LDR-CFG-NOT-NOW".into()));

    let mut wishes = edge.wishes();
    let reader = tokio::spawn(async move {
        let mut dry_runs = Vec::new();
        while let Some(wish) = wishes.recv().await {
            dry_runs.push(wish.dry_run);
            let _ = wish.answer.send(match dry_runs.len() {
                3 => Err(vec![Finding::error("LDR-CFG-SYNTAX", "it is broken")]),
                _ => Ok(Applied::default()),
            });
        }
        dry_runs
    });
    for nonsense in [json!("yes"), json!({ "dry": true }), json!({ "dry_run": 1 })] {
        let answered = ask(&edge, with_json(request("POST", path), &nonsense)).await;
        assert_eq!(answered.fault(), (400, "LDR-CFG-WISH".into()), "{nonsense}");
    }
    let applied = ask(&edge, empty(request("POST", path))).await;
    let nothing = json!({ "changed": [], "after_restart": [], "plugins": [], "accounts": [] });
    assert_eq!((applied.status.as_u16(), applied.json()), (200, nothing));
    for (dry_run, status) in [(true, 200), (false, 422)] {
        let body = json!({ "dry_run": dry_run });
        let answered = ask(&edge, with_json(request("POST", path), &body)).await;
        assert_eq!(answered.status, status, "{dry_run}");
        if status == 422 {
            assert_eq!(answered.json()["errors"][0]["code"], "LDR-CFG-SYNTAX");
        }
    }
    drop(edge);
    assert_eq!(reader.await.expect("no panic"), [false, true, false]);
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
        ("POST", "/admin/status", "GET, HEAD"),
        ("DELETE", "/v1/models", "GET, HEAD"),
        ("POST", "/admin/reloads", "GET, HEAD"),
        ("DELETE", "/admin/reloads/1", "GET, HEAD"),
        ("PUT", "/admin/events", "GET, HEAD"),
        ("GET", "/admin/plugins/hello/reload", "POST"),
        ("GET", "/admin/config/apply", "POST"),
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

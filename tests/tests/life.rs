//! A plugin's life: load, serve, retire, leave.

use integration_tests::{Home, configure, expect_no_error, expect_unloaded, get, mapped_images};
use loader_core::{Engine, Status};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn plugins_load_answer_and_leave() {
    let home = Home::new();
    for plugin in ["hello", "bare-call", "own-tokio", "thread-locals"] {
        home.add(plugin);
    }
    let mut options = home.options();
    configure(&mut options, "hello", serde_json::json!({ "greeting": "good day" }));
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load_all().await);
    assert_eq!(engine.snapshot().plugin("hello").expect("known").status, Status::Served);
    assert_eq!(get(&engine, "hello", "/ada").await.expect("an answer"), "good day, ada\n");
    assert_eq!(get(&engine, "own-tokio", "/").await.expect("an answer"), "plugin-own");
    assert!(get(&engine, "thread-locals", "/").await.expect("an answer").contains("ThreadId"));
    assert_eq!(mapped_images(&home.state()).len(), 4);
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
    assert!(get(&engine, "hello", "/ada").await.is_err());
}

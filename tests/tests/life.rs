//! A plugin's life: load, serve, retire, leave.

use integration_tests::{Home, configure, expect_no_error, expect_unloaded, get, mapped_images};
use loader_abi::class;
use loader_core::{
    BreakerPolicy, CallOptions, CallPolicy, Engine, OpenStream, PluginOptions, Status,
    message::{Failure, Message, Metadata},
    stream::End,
};
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

/// Opens a stream to `courier`.
async fn open(engine: &Engine, method: &str) -> Result<OpenStream, Failure> {
    let target = engine.target("courier/1", None, method).expect("it is served");
    target.open(CallOptions::by("gateway"), Metadata::new(), b"head".to_vec()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_between_plugins_takes_a_place_until_it_is_let_go() {
    let home = Home::new();
    home.add("courier");
    let mut options = home.options();
    let calls = CallPolicy { max_concurrent: 2, ..CallPolicy::default() };
    options.plugins.insert("courier".into(), PluginOptions { calls, ..PluginOptions::default() });
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load_all().await);
    // One place for the caller's stream, and one for the stream that the plugin opens for it.
    let stream = open(&engine, "relay").await.expect("two places are free");
    assert_eq!(engine.stats()[0].in_flight, 2);
    stream.end.sender.send(Message::data(b"there and back".to_vec())).await.expect("sent");
    let message = stream.end.receiver.receive().await.expect("an answer");
    assert_eq!((&*stream.head.body, &*message.body), (&b"head"[..], &b"there and back"[..]));
    let refusal = open(&engine, "echo").await.err().expect("both places are taken");
    assert_eq!(refusal.code, "LDR-CALL-BUSY");
    drop(stream);
    let free = async {
        while engine.stats()[0].in_flight > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), free).await.expect("both places are free");
    open(&engine, "echo").await.expect("a place is free");
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_whose_streams_open_well_and_then_break_is_not_called_for_a_while() {
    let home = Home::new();
    home.add("courier");
    let engine = Engine::new(home.options()).expect("an engine");
    expect_no_error(&engine.load_all().await);
    let most = BreakerPolicy::default().failures;
    let broken = async || {
        let stream = open(&engine, "echo").await.expect("it opens well");
        stream.accuse(Failure::new(class::INTERNAL, "LDR-TEST", "it makes no sense"));
    };
    for _ in 1..most {
        broken().await;
    }
    // One with which nothing is wrong.
    let stream = open(&engine, "echo").await.expect("it is called still");
    stream.end.sender.end(End::Done);
    assert!(stream.receive().await.is_none());
    drop(stream);
    for _ in 0..most {
        broken().await;
    }
    let refusal = open(&engine, "echo").await.err().expect("that were too many in a row");
    assert_eq!(refusal.code, "LDR-CALL-BREAKER");
    assert!(engine.stats()[0].breaker_open);
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

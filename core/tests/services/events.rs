//! `events/1`.

use super::host::{Host, Opened, Plugin, soon};
use loader_abi::{class, message_kind};
use loader_contract::service::events::{Event, Publish, Subscribe};
use loader_core::{message::Failure, services::events::QUEUE};
use serde_json::{Value, json};

async fn publish(plugin: &Plugin<'_>, topic: &str, payload: Value) -> Result<(), Failure> {
    plugin.call_json("events/1/publish", &Publish { topic: topic.into(), payload }).await
}

async fn subscribe(plugin: &Plugin<'_>, topics: &[&str]) -> Result<Opened, Failure> {
    let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
    plugin.open_json("events/1/subscribe", &Subscribe { topics }).await
}

async fn next(stream: &Opened) -> Event {
    let message = stream.receive().await.unwrap();
    assert_eq!(message.kind, message_kind::EVENT);
    serde_json::from_slice(&message.body).unwrap()
}

#[tokio::test]
async fn plugins_and_gateway_hear_each_other_on_one_bus() {
    let host = Host::new();
    let (one, two) = (host.plugin("one"), host.plugin("two"));
    let bus = &host.standard.events;
    let mut gateway = bus.subscribe(&["greeting"]).unwrap();
    let stream = subscribe(&two, &["greeting"]).await.unwrap();
    publish(&one, "greeting", json!({ "text": "hello" })).await.unwrap();
    bus.publish("gateway", "greeting", json!("hello yourself")).unwrap();
    for event in [soon(gateway.next()).await, next(&stream).await] {
        assert_eq!((&*event.topic, &*event.source, event.missed), ("greeting", "plugin:one", 0));
        assert_eq!(event.payload, json!({ "text": "hello" }));
        assert!(event.timestamp_ms > 1_700_000_000_000);
    }
    assert_eq!(next(&stream).await.source, "gateway");
}

#[tokio::test]
async fn topics_are_exact_or_all_below_or_everything() {
    let host = Host::new();
    let plugin = host.plugin("one");
    let bus = &host.standard.events;
    let mut exact = bus.subscribe(&["message.received"]).unwrap();
    let mut below = bus.subscribe(&["message.*", "other"]).unwrap();
    let mut all = bus.subscribe(&[] as &[&str]).unwrap();
    let topics = ["message", "message.received", "message.received.late", "messages.sent", "other"];
    for topic in topics {
        publish(&plugin, topic, Value::Null).await.unwrap();
    }
    let heard = |subscription: &mut loader_core::services::Subscription| {
        std::iter::from_fn(|| subscription.try_next()).map(|event| event.topic).collect::<Vec<_>>()
    };
    assert_eq!(heard(&mut exact), ["message.received"]);
    assert_eq!(heard(&mut below), ["message.received", "message.received.late", "other"]);
    assert_eq!(heard(&mut all), topics);
}

#[tokio::test]
async fn a_subscriber_that_falls_behind_loses_the_oldest_and_is_told_how_many() {
    let host = Host::new();
    let bus = &host.standard.events;
    let mut slow = bus.subscribe(&["count"]).unwrap();
    for number in 0..QUEUE + 3 {
        bus.publish("gateway", "count", json!(number)).unwrap();
    }
    let first = soon(slow.next()).await;
    assert_eq!((first.payload, first.missed), (json!(3), 3));
    for number in 4..QUEUE + 3 {
        let event = soon(slow.next()).await;
        assert_eq!((event.payload, event.missed), (json!(number), 0));
    }
    assert!(slow.try_next().is_none());
}

#[tokio::test]
async fn a_plugin_that_does_not_read_holds_nobody_up_and_is_told_what_it_missed() {
    let host = Host::new();
    let plugin = host.plugin("one");
    let stream = subscribe(&plugin, &["count"]).await.unwrap();
    for number in 0..2_000 {
        publish(&plugin, "count", json!(number)).await.unwrap();
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let (mut expected, mut missed) = (0, 0);
    while expected < 2_000 {
        let event = next(&stream).await;
        missed += event.missed;
        expected += event.missed;
        assert_eq!(event.payload, json!(expected), "in order, and every gap is accounted for");
        expected += 1;
    }
    assert!(missed > 0);
}

#[tokio::test]
async fn malformed_topics_and_large_events_are_refused() {
    let host = Host::new();
    let plugin = host.plugin("one");
    for topic in ["", ".", "a.", ".a", "a..b", "A", "a b", "a.*", "*", "a*", "ä", &"a".repeat(257)]
    {
        let failure = publish(&plugin, topic, Value::Null).await.unwrap_err();
        assert_eq!((failure.class, &*failure.code), (class::INVALID, "LDR-EVENT-TOPIC"), "{topic}");
    }
    for topic in ["", "*", ".*", "a.*.b", "a**", "A.*"] {
        let failure = subscribe(&plugin, &["fine", topic]).await.unwrap_err();
        assert_eq!(failure.code, "LDR-EVENT-TOPIC", "{topic}");
    }
    let large = json!("x".repeat(65_536));
    let failure = publish(&plugin, "a", large).await.unwrap_err();
    assert_eq!((failure.class, &*failure.code), (class::EXHAUSTED, "LDR-EVENT-TOO-LARGE"));
}

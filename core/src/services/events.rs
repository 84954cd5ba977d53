//! `events/1`: the bus that plugins and the embedding program tell each other news on.
//!
//! Telling never waits. Each subscriber has a queue of [`QUEUE`] events; when it is full the oldest
//! is dropped, and the next one delivered says how many were.

mod topic;

use crate::{
    message::{Failure, Message, Reply, from_json},
    moment,
    service::{Answer, Service, ServiceRequest},
    stream::StreamEnd,
};
use futures_util::future::BoxFuture;
use loader_abi::class;
use loader_contract::service::events::{Event, Publish, SERVICE, Subscribe, method};
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};
use tokio::sync::Notify;
use topic::Pattern;

/// How many events wait for one subscriber.
pub const QUEUE: usize = 256;

/// The longest request of `publish`: an event is news, not a transfer.
const MAX_EVENT_BYTES: usize = 64 * 1024;

/// A bus; clones are handles to the same one.
#[derive(Clone, Default)]
pub struct EventBus(Arc<RwLock<Vec<Arc<Subscriber>>>>);

impl EventBus {
    /// A bus without subscribers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells everyone who subscribed to the topic. `source` is `gateway` or `plugin:<id>`.
    ///
    /// Fails with `LDR-EVENT-TOPIC` when the topic is not lower-case words joined by dots.
    pub fn publish(&self, source: &str, topic: &str, payload: Value) -> Result<(), Failure> {
        topic::check(topic)?;
        let event = Arc::new(Event {
            topic: topic.to_owned(),
            source: source.to_owned(),
            timestamp_ms: moment::now_ms(),
            payload,
            missed: 0,
        });
        let subscribers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for subscriber in subscribers.iter().filter(|subscriber| subscriber.hears(topic)) {
            subscriber.tell(event.clone());
        }
        Ok(())
    }

    /// Hears what is told from now on, on these topics: each exact, or ending in `.*`, which stands
    /// for any further words. No topics means all.
    pub fn subscribe(&self, topics: &[impl AsRef<str>]) -> Result<Subscription, Failure> {
        let patterns = topics.iter().map(|topic| Pattern::parse(topic.as_ref()));
        let subscriber = Arc::new(Subscriber {
            patterns: patterns.collect::<Result<_, _>>()?,
            queue: Mutex::default(),
            news: Notify::new(),
        });
        let mut subscribers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.push(subscriber.clone());
        Ok(Subscription { bus: self.clone(), subscriber })
    }
}

struct Subscriber {
    /// None means every topic.
    patterns: Vec<Pattern>,
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Arc<Event>>,
    /// How many were dropped before the first of `events`.
    missed: u64,
}

impl Subscriber {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hears(&self, topic: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(topic))
    }

    fn tell(&self, event: Arc<Event>) {
        let mut queue = self.queue();
        if queue.events.len() == QUEUE {
            queue.events.pop_front();
            queue.missed += 1;
        }
        queue.events.push_back(event);
        drop(queue);
        self.news.notify_one();
    }
}

/// What one subscriber hears. Dropping it unsubscribes.
pub struct Subscription {
    bus: EventBus,
    subscriber: Arc<Subscriber>,
}

impl Subscription {
    /// The next event, waiting for it. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.try_next() {
                return event;
            }
            self.subscriber.news.notified().await;
        }
    }

    /// The next event if one is waiting.
    pub fn try_next(&mut self) -> Option<Event> {
        let mut queue = self.subscriber.queue();
        let event = queue.events.pop_front()?;
        let missed = std::mem::take(&mut queue.missed);
        drop(queue);
        Some(Event { missed, ..Arc::unwrap_or_clone(event) })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = self.bus.0.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|subscriber| !Arc::ptr_eq(subscriber, &self.subscriber));
    }
}

/// Lends a bus to plugins.
pub struct Events {
    bus: EventBus,
}

impl Events {
    /// The service over this bus.
    pub fn new(bus: EventBus) -> Self {
        Self { bus }
    }

    fn publish(&self, request: &ServiceRequest) -> Result<Reply, Failure> {
        if request.body.len() > MAX_EVENT_BYTES {
            let message = format!("an event has {} bytes; at most 64 KiB", request.body.len());
            return Err(Failure::new(class::EXHAUSTED, "LDR-EVENT-TOO-LARGE", message)
                .hint("store what is large with kv/1 and tell its key"));
        }
        let publish = from_json::<Publish>(&request.body)?;
        let source = format!("plugin:{}", request.caller.plugin);
        self.bus.publish(&source, &publish.topic, publish.payload)?;
        Ok(Reply::empty())
    }

    fn subscribe(&self, request: &ServiceRequest) -> Result<Subscription, Failure> {
        self.bus.subscribe(&from_json::<Subscribe>(&request.body)?.topics)
    }
}

impl Service for Events {
    fn name(&self) -> &str {
        SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match request.method.as_str() {
            method::PUBLISH => self.publish(&request).into(),
            method => Answer::unimplemented(SERVICE, method),
        }
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        // Subscribed before the head is sent: what is told after the head arrives is heard.
        let subscription = match request.method.as_str() {
            method::SUBSCRIBE => self.subscribe(&request),
            method => Err(Failure::unimplemented(&format!("{SERVICE}/{method}"))),
        };
        Box::pin(async move {
            let mut subscription = subscription?;
            stream.sender.send(Message::head(Default::default(), Vec::new())).await?;
            loop {
                let event = subscription.next().await;
                stream.sender.send(Message::event(&event)?).await?;
            }
        })
    }
}

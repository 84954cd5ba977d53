//! What a plugin asked of the host, in order.

use crate::fake;
use futures_util::future::BoxFuture;
use loader_core::{
    message::{Failure, Message, Metadata, Reply},
    service::{Answer, Service, ServiceCaller, ServiceRequest},
    stream::StreamEnd,
};
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One request of the plugin's.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The service or contract: `kv/1`, `tool/1`.
    pub service: String,
    /// The method.
    pub method: String,
    /// What was said besides the body.
    pub metadata: Metadata,
    /// The body.
    pub body: Vec<u8>,
}

impl Capture {
    /// The body, read as JSON; an empty one is `null`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        loader_core::message::from_json(&self.body)
    }
}

/// Everything a plugin asked of the host. Copies see the same.
#[derive(Clone)]
pub struct Captured(Arc<Inner>);

struct Inner {
    captures: Mutex<Vec<Capture>>,
    count: watch::Sender<usize>,
}

impl Captured {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { captures: Mutex::default(), count: watch::Sender::new(0) }))
    }

    fn captures(&self) -> MutexGuard<'_, Vec<Capture>> {
        self.0.captures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every request so far.
    pub fn all(&self) -> Vec<Capture> {
        self.captures().clone()
    }

    /// Every request of this kind so far.
    pub fn of(&self, service: &str, method: &str) -> Vec<Capture> {
        let is_meant = |one: &&Capture| one.service == service && one.method == method;
        self.captures().iter().filter(is_meant).cloned().collect()
    }

    /// The first so many requests of this kind, waiting for them.
    pub async fn first(&self, count: usize, service: &str, method: &str) -> Vec<Capture> {
        let mut news = self.0.count.subscribe();
        loop {
            let mut found = self.of(service, method);
            if found.len() >= count {
                found.truncate(count);
                return found;
            }
            // The sender lives as long as this.
            let _ = news.changed().await;
        }
    }

    fn note(&self, service: &str, request: &ServiceRequest) {
        self.captures().push(Capture {
            service: service.to_owned(),
            method: request.method.clone(),
            metadata: request.metadata.clone(),
            body: request.body.clone(),
        });
        self.0.count.send_modify(|count| *count += 1);
    }
}

/// A service whose requests are remembered.
pub(crate) struct Watched {
    pub(crate) inner: Arc<dyn Service>,
    pub(crate) captured: Captured,
}

impl Service for Watched {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        self.captured.note(self.inner.name(), &request);
        self.inner.call(request)
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        self.captured.note(self.inner.name(), &request);
        self.inner.open(request, stream)
    }

    fn release(&self, caller: &ServiceCaller) {
        self.inner.release(caller);
    }
}

/// What a test answers to a call.
pub(crate) type Answering = dyn Fn(&ServiceRequest) -> Result<Reply, Failure> + Send + Sync;

/// A test's own answers to a method of a service, called or opened, before its usual ones.
pub(crate) struct Overridden {
    pub(crate) inner: Arc<dyn Service>,
    pub(crate) method: String,
    pub(crate) answer: Arc<Answering>,
}

impl Service for Overridden {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match request.method == self.method {
            true => Answer::Ready((self.answer)(&request)),
            false => self.inner.call(request),
        }
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        if request.method != self.method {
            return self.inner.open(request, stream);
        }
        let messages = (self.answer)(&request).map(|reply| {
            vec![Message::head(reply.metadata, Vec::new()), Message::data(reply.body)]
        });
        fake::send(messages, stream)
    }

    fn release(&self, caller: &ServiceCaller) {
        self.inner.release(caller);
    }
}

//! What a plugin asked of the host, in order.

use crate::fake::{self, Calling, Opening};
use futures_util::future::BoxFuture;
use loader_core::{
    message::{Failure, Metadata},
    service::{Answer, Service, ServiceCaller, ServiceRequest},
    stream::StreamEnd,
};
use serde::de::DeserializeOwned;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
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
    patience: Duration,
}

impl Captured {
    pub(crate) fn new(patience: Duration) -> Self {
        let (captures, count) = (Mutex::default(), watch::Sender::new(0));
        Self(Arc::new(Inner { captures, count, patience }))
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
    ///
    /// # Panics
    ///
    /// When they have not come within the host's patience, with what came instead.
    pub async fn first(&self, count: usize, service: &str, method: &str) -> Vec<Capture> {
        let patience = self.0.patience;
        let waiting = tokio::time::timeout(patience, self.wait_for(count, service, method));
        match waiting.await {
            Ok(found) => found,
            Err(_) => panic!(
                "the plugin asked {} of {count} times for `{service}/{method}` within {patience:?}; \
                 it asked for {}",
                self.of(service, method).len(),
                self.in_words()
            ),
        }
    }

    async fn wait_for(&self, count: usize, service: &str, method: &str) -> Vec<Capture> {
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

    /// What was asked for, in order.
    fn in_words(&self) -> String {
        let named: Vec<String> =
            self.captures().iter().map(|one| format!("{}/{}", one.service, one.method)).collect();
        match named.is_empty() {
            true => "nothing".to_owned(),
            false => named.join(", "),
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

/// What a test answers.
#[derive(Clone)]
pub(crate) enum Answering {
    /// To a call.
    Whole(Arc<Calling>),
    /// To a stream: its messages, the head first.
    Stream(Arc<Opening>),
}

/// A test's own answers to a method of a service, before its usual ones.
pub(crate) struct Overridden {
    pub(crate) inner: Arc<dyn Service>,
    pub(crate) method: String,
    pub(crate) answer: Answering,
}

impl Service for Overridden {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match &self.answer {
            Answering::Whole(answer) if request.method == self.method => {
                Answer::Ready(answer(&request))
            }
            _ => self.inner.call(request),
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
        let messages = match &self.answer {
            Answering::Whole(answer) => answer(&request).map(fake::whole),
            Answering::Stream(answer) => answer(&request),
        };
        fake::send(messages, stream)
    }

    fn release(&self, caller: &ServiceCaller) {
        self.inner.release(caller);
    }
}

//! What the host offers to plugins: services by name, over the same two verbs as everything else.

use crate::{
    message::{Failure, Metadata, Reply},
    stream::StreamEnd,
};
use futures_util::future::BoxFuture;
use std::{collections::BTreeMap, sync::Arc, time::Instant};

/// One service, such as `kv/1`. Methods are called from any thread and must not block.
pub trait Service: Send + Sync + 'static {
    /// The contract name with its major version.
    fn name(&self) -> &str;

    /// Answers one call. An [`Answer::Later`] future runs on the host's runtime and is dropped when
    /// the caller goes away.
    fn call(&self, request: ServiceRequest) -> Answer;

    /// Handles one stream until it ends. Sends a [`head`](crate::message::Message::head) message
    /// first; a failure before that is the caller's error. Runs on the host's runtime and is
    /// dropped when the caller goes away.
    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        drop(stream);
        let failure = Failure::unimplemented(&format!("{}/{}", self.name(), request.method));
        Box::pin(async move { Err(failure) })
    }

    /// A plugin's generation is gone: let go of what was held for it.
    fn release(&self, _caller: &ServiceCaller) {}
}

/// One request to a service.
#[derive(Debug)]
pub struct ServiceRequest {
    /// The method's name.
    pub method: String,
    /// Who asks.
    pub caller: ServiceCaller,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// Ordered metadata.
    pub metadata: Metadata,
    /// The body.
    pub body: Vec<u8>,
}

/// The plugin that uses a service.
#[derive(Debug, Clone)]
pub struct ServiceCaller {
    /// The plugin's id.
    pub plugin: Arc<str>,
    /// The generation, unique in the process.
    pub generation: u64,
    /// The plugin's configuration.
    pub config: Arc<serde_json::Value>,
}

/// A service's answer to a call.
pub enum Answer {
    /// Known at once.
    Ready(Result<Reply, Failure>),
    /// Known later.
    Later(BoxFuture<'static, Result<Reply, Failure>>),
}

impl Answer {
    /// The method is not one of the service's.
    pub fn unimplemented(service: &str, method: &str) -> Self {
        Self::Ready(Err(Failure::unimplemented(&format!("{service}/{method}"))))
    }

    /// An answer that is known later.
    pub fn later(work: impl Future<Output = Result<Reply, Failure>> + Send + 'static) -> Self {
        Self::Later(Box::pin(work))
    }
}

impl From<Result<Reply, Failure>> for Answer {
    fn from(result: Result<Reply, Failure>) -> Self {
        Self::Ready(result)
    }
}

/// The services of one engine, by name.
#[derive(Clone, Default)]
pub struct Services(Arc<BTreeMap<String, Arc<dyn Service>>>);

impl Services {
    /// Puts services together; of two with one name the later one wins.
    pub fn new(services: impl IntoIterator<Item = Arc<dyn Service>>) -> Self {
        let named = services.into_iter().map(|service| (service.name().to_owned(), service));
        Self(Arc::new(named.collect()))
    }

    /// These services and more; of two with one name the added one wins.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = Arc<dyn Service>>) -> Self {
        Self::new(self.0.values().cloned().chain(more))
    }

    /// The service of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Service>> {
        self.0.get(name)
    }

    /// Every name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Tells every service that a generation is gone.
    pub(crate) fn release(&self, caller: &ServiceCaller) {
        for service in self.0.values() {
            service.release(caller);
        }
    }
}

//! What the host offers to plugins: services by name, over the same two verbs as everything else.

use crate::{
    dispatch::{CallOptions, OpenStream},
    manifest::UsualSecrets,
    message::{Failure, Message, Metadata, Reply},
    stream::{self, End, StreamEnd},
};
use futures_util::future::{BoxFuture, Either, select};
use std::{collections::BTreeMap, pin::pin, sync::Arc};
use tokio::{runtime::Handle, task::AbortHandle};

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

    /// Whether it answers this method also where a capability is named, which the request's metadata say
    /// then. Otherwise the plugin that has the capability does.
    fn answers_for_named(&self, _method: &str) -> bool {
        false
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
    /// What goes with calls of plugins that this request leads to: on whose behalf, and until when.
    pub options: CallOptions,
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
    /// What its manifest says about the secrets it uses.
    pub secrets: Arc<UsualSecrets>,
}

/// A service's answer to a call.
pub enum Answer {
    /// Known at once.
    Ready(Result<Reply, Failure>),
    /// Known later.
    Later(BoxFuture<'static, Result<Reply, Failure>>),
}

impl ServiceCaller {
    /// The program itself, on behalf of whoever asks it from outside.
    pub fn host() -> Self {
        Self {
            plugin: "gateway".into(),
            generation: 0,
            config: Arc::default(),
            secrets: Arc::default(),
        }
    }
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

/// Opens a stream to a service on behalf of the host. Must be called within a tokio runtime.
pub async fn open(
    service: &Arc<dyn Service>,
    request: ServiceRequest,
) -> Result<OpenStream, Failure> {
    let (head, end) = open_on(&Handle::current(), service, request).await?;
    Ok(OpenStream { head, end, answering: None })
}

/// The same on this runtime, whichever thread it is called from. Nothing goes on when the future is
/// dropped before it is done.
pub(crate) fn open_on(
    runtime: &Handle,
    service: &Arc<dyn Service>,
    request: ServiceRequest,
) -> impl Future<Output = Result<(Message, StreamEnd), Failure>> + Send + use<> {
    let (near, far) = stream::pair();
    let ending = far.sender.ending();
    let gone = far.sender.closed();
    let handling = service.open(request, far);
    let task = runtime.spawn(async move {
        match select(handling, pin!(gone)).await {
            Either::Left((Ok(()), _)) => ending.end(End::Done),
            Either::Left((Err(failure), _)) => ending.end(End::Failed(failure)),
            Either::Right(_) => ending.end(End::Cancelled),
        }
    });
    // Once accepted, the stream itself says when the caller is gone.
    let abort = AbortOnDrop(Some(task.abort_handle()));
    async move {
        let opened = stream::accept(near).await;
        if opened.is_ok() {
            abort.disarm();
        }
        opened
    }
}

/// Ends the host's work when its caller drops the future.
pub(crate) struct AbortOnDrop(pub(crate) Option<AbortHandle>);

impl AbortOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

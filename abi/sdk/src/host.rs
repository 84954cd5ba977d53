//! The host, as an author sees it.

use crate::{
    Error, Metadata, Result, Stream, class,
    current::{self, Current},
    service,
    tasks::Tasks,
};
use loader_abi::{
    CallContext, HostBox, NO_DEADLINE,
    abi_stable::std_types::{RResult, RString, RVec},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{future::Future, sync::Arc, time::Duration, time::Instant};

/// The host object of one plugin, shared by everything in the plugin that uses it.
pub(crate) struct HostObject {
    object: HostBox,
    plugin_id: String,
}

impl HostObject {
    pub(crate) fn new(plugin_id: &str, object: HostBox) -> Self {
        Self { object, plugin_id: plugin_id.to_owned() }
    }

    pub(crate) fn emit(&self, emission: loader_abi::Emission<'_>) {
        self.object.emit(emission);
    }

    pub(crate) fn enabled(&self, level: u32, target: &str) -> bool {
        self.object.enabled(level, target.into())
    }
}

impl Drop for HostObject {
    fn drop(&mut self) {
        current::clear_when_deserted();
    }
}

/// The host: how a plugin reaches everything outside itself. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    object: Arc<HostObject>,
    tasks: Arc<Tasks>,
    index: usize,
}

/// The answer to a raw call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Ordered metadata.
    pub metadata: Metadata,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer of bytes.
    pub fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self { metadata: Metadata::new(), body: body.into() }
    }

    /// A JSON answer.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        Ok(Self::bytes(serde_json::to_vec(value)?))
    }

    /// The value that the JSON of an answer to this operation is.
    pub(crate) fn read<T: DeserializeOwned>(&self, operation: &str) -> Result<T> {
        let body: &[u8] = if self.body.is_empty() { b"null" } else { &self.body };
        serde_json::from_slice(body).map_err(|error| {
            Error::new(
                class::INTERNAL,
                "LDR-CALL-GARBLED",
                format!("the answer to `{operation}` makes no sense: {error}"),
            )
        })
    }
}

impl Host {
    pub(crate) fn new(object: Arc<HostObject>, tasks: Arc<Tasks>, index: usize) -> Self {
        Self { object, tasks, index }
    }

    /// The plugin's own id.
    pub fn plugin_id(&self) -> &str {
        &self.object.plugin_id
    }

    /// Runs a task in the background until it ends or the plugin stops. A panic ends only the task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(Current::background(self.index), task);
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        service::clock::sleep(self, duration).await;
    }

    /// Gives up on a future after a while: `None`.
    pub async fn timeout<F: Future>(&self, after: Duration, future: F) -> Option<F::Output> {
        use futures_util::future::{Either, select};
        let future = std::pin::pin!(future);
        let timer = std::pin::pin!(self.sleep(after));
        match select(future, timer).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }

    /// The time: `clock/1`.
    pub async fn now(&self) -> Result<loader_contract::service::clock::Now> {
        service::clock::now(self).await
    }

    /// HTTP done by the host: `http-client/1`.
    pub fn http(&self) -> service::http::HttpClient {
        service::http::HttpClient::new(self.clone())
    }

    /// The plugin's durable store: `kv/1`.
    pub fn kv(&self) -> service::kv::KeyValue {
        service::kv::KeyValue::new(self.clone())
    }

    /// Publish and subscribe: `events/1`.
    pub fn events(&self) -> service::events::Events {
        service::events::Events::new(self.clone())
    }

    /// Byte streams the host owns: `net/1`.
    pub fn net(&self) -> service::net::Net {
        service::net::Net::new(self.clone())
    }

    /// WebSockets the host owns: `websocket/1`.
    pub fn websocket(&self) -> service::websocket::WebSockets {
        service::websocket::WebSockets::new(self.clone())
    }

    /// Models, as the operator chose them: `text-inference/1`.
    pub fn inference(&self) -> service::inference::Inference {
        service::inference::Inference::new(self.clone())
    }

    /// Speech, as the operator chose its providers: `speech/1`.
    pub fn speech(&self) -> service::speech::Speech {
        service::speech::Speech::new(self.clone())
    }

    /// Everybody's tools: `tool/1`.
    pub fn tools(&self) -> service::tools::Tools {
        service::tools::Tools::new(self.clone())
    }

    /// Pages of the web, as the operator chose who fetches them: `web-fetch/1`.
    pub fn web_fetch(&self) -> service::web_fetch::WebFetch {
        service::web_fetch::WebFetch::new(self.clone())
    }

    /// The channels that reach people: `channel/1`.
    pub fn channels(&self) -> service::channels::Channels {
        service::channels::Channels::new(self.clone())
    }

    /// The plugin's scheduled tasks: `scheduled-task/1`.
    pub fn tasks(&self) -> service::tasks::Tasks {
        service::tasks::Tasks::new(self.clone())
    }

    /// Hooks of events that plugins make up: `hook/1`.
    pub fn hooks(&self) -> service::hooks::Hooks {
        service::hooks::Hooks::new(self.clone())
    }

    /// A secret the plugin's configuration names: `secrets/1`. Fetch it when it is used.
    pub async fn secret(&self, name: &str) -> Result<String> {
        service::secrets::get(self, name).await
    }

    /// A configuration value that may be a secret: `secret:<name>` is fetched, other text is itself.
    pub async fn reveal(&self, value: &str) -> Result<String> {
        match value.strip_prefix(loader_contract::service::secrets::REFERENCE_PREFIX) {
            Some(name) => self.secret(name).await,
            None => Ok(value.to_owned()),
        }
    }

    /// One raw operation of the host or, through it, of another plugin.
    pub async fn call(&self, operation: &str, metadata: Metadata, body: Vec<u8>) -> Result<Answer> {
        self.call_once("", operation, metadata, body).await
    }

    /// The same with an idempotency key: calls of equal keys mean the same, and an operation that must
    /// not be done twice is done once for them all. The empty key is none.
    pub async fn call_once(
        &self,
        key: &str,
        operation: &str,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let context = CallContext { idempotency_key: key.into(), ..context() };
        let call = self.object.object.call(operation.into(), context, metadata.0, RVec::from(body));
        match call.await {
            RResult::ROk(reply) => {
                Ok(Answer { metadata: Metadata(reply.metadata), body: reply.body.into_vec() })
            }
            RResult::RErr(error) => Err(Error::from_abi(error)),
        }
    }

    /// One JSON operation.
    pub async fn call_json<T: DeserializeOwned>(
        &self,
        operation: &str,
        request: &impl Serialize,
    ) -> Result<T> {
        let body = serde_json::to_vec(request)?;
        self.call(operation, Metadata::new(), body).await?.read(operation)
    }

    /// One raw operation answered by a stream: its head, and the plugin's end.
    pub async fn open(
        &self,
        operation: &str,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<(Answer, Stream)> {
        let open =
            self.object.object.open(operation.into(), context(), metadata.0, RVec::from(body));
        match open.await {
            RResult::ROk(opened) => {
                let head = Answer {
                    metadata: Metadata(opened.head.metadata),
                    body: opened.head.body.into_vec(),
                };
                Ok((head, Stream::from_abi(opened.stream)))
            }
            RResult::RErr(error) => Err(Error::from_abi(error)),
        }
    }
}

/// What the host must know of the call that is being served: it inherits its deadline.
fn context() -> CallContext {
    let current = current::get();
    let remaining = current.and_then(|current| current.deadline).map_or(NO_DEADLINE, |deadline| {
        let left = deadline.saturating_duration_since(Instant::now()).as_nanos();
        u64::try_from(left).unwrap_or(NO_DEADLINE)
    });
    CallContext {
        call_id: current.map_or(0, |current| current.call_id),
        remaining_ns: remaining,
        trace: current.map(|current| current.trace).unwrap_or_default(),
        caller: RString::new(),
        depth: 0,
        idempotency_key: RString::new(),
    }
}

//! The part of the engine that stands between a plugin and a service: calls and opens as it does.

use loader_abi::message_kind;
use loader_core::{
    CallOptions,
    message::{Failure, Message, Metadata, Reply},
    service::{Answer, ServiceCaller, ServiceRequest},
    services::{SecretBytes, Standard, StandardServices},
    stream::{self, End, StreamEnd},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The longest any test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Host {
    pub(crate) standard: StandardServices,
    pub(crate) folder: TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::trusting(None)
    }

    pub(crate) fn trusting(authorities: Option<PathBuf>) -> Self {
        let folder = TempDir::new().unwrap();
        let standard = settings(folder.path().join("kv.redb"), authorities).open().unwrap();
        Self { standard, folder }
    }

    /// A plugin without configuration, in its first generation.
    pub(crate) fn plugin(&self, id: &str) -> Plugin<'_> {
        self.configured(id, json!({}))
    }

    pub(crate) fn configured(&self, id: &str, config: Value) -> Plugin<'_> {
        let caller = ServiceCaller {
            plugin: id.into(),
            generation: 1,
            config: Arc::new(config),
            secrets: Arc::default(),
        };
        Plugin { host: self, caller, deadline: None }
    }
}

pub(crate) fn settings(kv_path: PathBuf, authorities: Option<PathBuf>) -> Standard {
    let secrets = BTreeMap::from([
        ("openai".to_owned(), SecretBytes::from("sk-hush".to_owned())),
        ("irc".to_owned(), SecretBytes::from("open-sesame".to_owned())),
    ]);
    Standard { kv_path, secrets: Arc::new(secrets), user_agent: "loader/test".into(), authorities }
}

#[derive(Clone)]
pub(crate) struct Plugin<'a> {
    pub(crate) host: &'a Host,
    pub(crate) caller: ServiceCaller,
    deadline: Option<Duration>,
}

impl Plugin<'_> {
    /// The same plugin while it serves a call of which so much time is left.
    pub(crate) fn within(&self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// The next generation of the same plugin.
    pub(crate) fn reloaded(&self) -> Self {
        let generation = self.caller.generation + 1;
        Self { caller: ServiceCaller { generation, ..self.caller.clone() }, ..self.clone() }
    }

    pub(crate) fn request(
        &self,
        method: &str,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> ServiceRequest {
        ServiceRequest {
            method: method.to_owned(),
            caller: self.caller.clone(),
            options: CallOptions {
                deadline: self.deadline.map(|left| Instant::now() + left),
                ..CallOptions::by(format!("plugin:{}", self.caller.plugin))
            },
            metadata,
            body,
        }
    }

    pub(crate) async fn call(
        &self,
        operation: &str,
        metadata: Metadata,
        body: impl Into<Vec<u8>>,
    ) -> Result<Reply, Failure> {
        let (service, method) = operation.rsplit_once('/').unwrap();
        let service = self.host.standard.services.get(service).unwrap();
        match service.call(self.request(method, metadata, body.into())) {
            Answer::Ready(result) => result,
            Answer::Later(work) => soon(work).await,
        }
    }

    pub(crate) async fn call_json<T: DeserializeOwned>(
        &self,
        operation: &str,
        request: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = serde_json::to_vec(request).unwrap();
        let reply = self.call(operation, Metadata::new(), request).await?;
        let body = if reply.body.is_empty() { b"null" } else { &*reply.body };
        Ok(serde_json::from_slice(body).unwrap())
    }

    pub(crate) async fn open(
        &self,
        operation: &str,
        metadata: Metadata,
        body: impl Into<Vec<u8>>,
    ) -> Result<Opened, Failure> {
        let handling = self.start(operation, metadata, body);
        handling.accepted().await
    }

    /// Opens a stream and does not wait for its head.
    pub(crate) fn start(
        &self,
        operation: &str,
        metadata: Metadata,
        body: impl Into<Vec<u8>>,
    ) -> Opening {
        let (service, method) = operation.rsplit_once('/').unwrap();
        let service = self.host.standard.services.get(service).unwrap();
        let (near, far) = stream::pair();
        let gone = far.sender.closed();
        let handling = service.open(self.request(method, metadata, body.into()), far);
        let outcome = tokio::spawn(async move {
            tokio::select! {
                result = handling => Some(result),
                () = gone => None,
            }
        });
        Opening { end: near, outcome }
    }

    pub(crate) async fn open_json(
        &self,
        operation: &str,
        request: &impl Serialize,
    ) -> Result<Opened, Failure> {
        self.open(operation, Metadata::new(), serde_json::to_vec(request).unwrap()).await
    }
}

/// A stream that was asked for. Dropping it gives up.
pub(crate) struct Opening {
    end: StreamEnd,
    outcome: JoinHandle<Option<Result<(), Failure>>>,
}

impl Opening {
    /// Waits until the answer could be read.
    pub(crate) async fn is_answered(&self) {
        self.end.receiver.readable().await;
    }

    pub(crate) async fn accepted(self) -> Result<Opened, Failure> {
        match soon(self.end.receiver.receive()).await {
            Ok(head) => {
                assert_eq!(head.kind, message_kind::HEAD);
                Ok(Opened { head, end: self.end, outcome: self.outcome })
            }
            Err(_) => Err(soon(self.outcome).await.unwrap().unwrap().unwrap_err()),
        }
    }
}

/// An accepted stream. Dropping it is what a plugin does that goes away.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) head: Message,
    pub(crate) end: StreamEnd,
    outcome: JoinHandle<Option<Result<(), Failure>>>,
}

impl Opened {
    pub(crate) fn head<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.head.body).unwrap()
    }

    pub(crate) async fn send(&self, bytes: &[u8]) {
        soon(self.end.sender.send(Message::data(bytes.to_vec()))).await.unwrap();
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        self.end.sender.end(End::Done);
    }

    pub(crate) async fn receive(&self) -> Result<Message, End> {
        soon(self.end.receiver.receive()).await
    }

    /// Receives exactly so many bytes.
    pub(crate) async fn read(&self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let message = self.receive().await.unwrap();
            assert_eq!(message.kind, message_kind::DATA);
            assert!(message.body.len() <= 64 * 1024, "a piece has {} bytes", message.body.len());
            bytes.extend(message.body);
        }
        assert_eq!(bytes.len(), count);
        bytes
    }

    /// How the service ended the stream; everything before was read.
    pub(crate) async fn outcome(self) -> Result<(), Failure> {
        assert!(self.receive().await.is_err(), "there is more to read");
        soon(self.outcome).await.unwrap().expect("the service ended it, not the plugin")
    }
}

/// Waits for what must come.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it did not come")
}

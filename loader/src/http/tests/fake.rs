//! A gateway that does what a test tells it to, and remembers what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loader_abi::class;
use loader_contract::health::{HealthReport, HealthStatus};
use loader_contract::text_inference::{
    FinishReason, GenerateRequest, GenerateResponse, Message, Model, Role, StreamEvent,
};
use loader_core::diagnostic::Diagnostic;
use loader_core::message::{Failure, Metadata, Reply};
use loader_core::reload::Ledger;
use loader_core::{CallOptions, ReloadRequest};
use loader_gateway::{Answered, GatewayHealth, GatewayStatus, ListedModel, Process, Question};
use tokio::sync::{mpsc, watch};

use crate::http::backend::{Backend, Events, PluginRoute};

type Handler = Arc<dyn Fn(&Handled) -> Result<Reply, Failure> + Send + Sync>;

/// What a plugin was asked.
#[derive(Clone)]
pub(super) struct Handled {
    pub(super) options: CallOptions,
    pub(super) metadata: Metadata,
    pub(super) body: Vec<u8>,
}

impl Handled {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.metadata.get_text(key)
    }
}

/// What a model was asked.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) options: CallOptions,
    pub(super) model: String,
    pub(super) request: GenerateRequest,
}

/// How a model answers.
#[derive(Clone)]
pub(super) enum Script {
    Answer(GenerateResponse),
    Fail(Failure),
    Never,
    /// These events, one by one; then whatever the sender of [`Fake::further`] says.
    Events(Vec<Result<StreamEvent, Failure>>),
}

pub(super) struct Fake {
    script: Script,
    status: HealthStatus,
    /// How long it takes to know how everything is.
    examination: Duration,
    /// How often that was asked.
    examined: Arc<AtomicUsize>,
    handler: Handler,
    ledger: Ledger,
    asked: Arc<Mutex<Vec<Asked>>>,
    handled: Arc<Mutex<Vec<Handled>>>,
    /// How many calls and streams are not over yet.
    running: watch::Sender<usize>,
    /// Taken by the first stream; streams without it wait for ever after their script.
    further: Mutex<Option<mpsc::UnboundedReceiver<Result<StreamEvent, Failure>>>>,
}

/// What a test keeps to look at a gateway that it gave away.
pub(super) struct Watcher {
    asked: Arc<Mutex<Vec<Asked>>>,
    handled: Arc<Mutex<Vec<Handled>>>,
    examined: Arc<AtomicUsize>,
    running: watch::Receiver<usize>,
}

impl Watcher {
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    pub(super) fn handled(&self) -> Vec<Handled> {
        self.handled.lock().expect("no panic").clone()
    }

    /// How often it was asked how everything is.
    pub(super) fn examined(&self) -> usize {
        self.examined.load(Ordering::Relaxed)
    }

    /// Waits until this many calls and streams are running.
    pub(super) async fn until_running(&mut self, count: usize) {
        self.running.wait_for(|running| *running == count).await.expect("the gateway lives");
    }
}

pub(super) fn text(text: &str) -> StreamEvent {
    StreamEvent::Text { text: text.into() }
}

pub(super) fn finish() -> StreamEvent {
    StreamEvent::Finish { reason: FinishReason::Stop, usage: None }
}

/// What a provider says whose vendor failed.
pub(super) fn failed_upstream() -> Failure {
    Failure {
        origin: "plugin:openai".into(),
        ..Failure::new(class::UNAVAILABLE, "upstream_failed", "the vendor answered 500")
    }
}

impl Fake {
    /// Answers `hello`, whole or in two pieces, and says the path under `/hello`.
    pub(super) fn new() -> Self {
        Self {
            script: Script::Answer(GenerateResponse {
                message: Message::text(Role::Assistant, "hello"),
                ..GenerateResponse::default()
            }),
            status: HealthStatus::Pass,
            examination: Duration::ZERO,
            examined: Arc::default(),
            ledger: Ledger::default(),
            handler: Arc::new(|handled| {
                let path = handled.text(":path").unwrap_or_default();
                Ok(Reply { metadata: Metadata::new(), body: path.into() })
            }),
            asked: Arc::default(),
            handled: Arc::default(),
            running: watch::Sender::new(0),
            further: Mutex::default(),
        }
    }

    pub(super) fn answering(script: Script) -> Self {
        Self { script, ..Self::new() }
    }

    pub(super) fn being(status: HealthStatus) -> Self {
        Self { status, ..Self::new() }
    }

    /// Takes so long to know how everything is.
    pub(super) fn examining_for(examination: Duration) -> Self {
        Self { examination, ..Self::new() }
    }

    pub(super) fn handling(
        handler: impl Fn(&Handled) -> Result<Reply, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self { handler: Arc::new(handler), ..Self::new() }
    }

    /// What the first stream says after its script.
    pub(super) fn further(&self) -> mpsc::UnboundedSender<Result<StreamEvent, Failure>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.further.lock().expect("no panic") = Some(receiver);
        sender
    }

    pub(super) fn watcher(&self) -> Watcher {
        Watcher {
            asked: self.asked.clone(),
            handled: self.handled.clone(),
            examined: self.examined.clone(),
            running: self.running.subscribe(),
        }
    }

    fn run(&self) -> Running {
        self.running.send_modify(|running| *running += 1);
        Running(self.running.clone())
    }

    fn note(&self, options: CallOptions, model: &str, request: GenerateRequest) {
        let asked = Asked { options, model: model.into(), request };
        self.asked.lock().expect("no panic").push(asked);
    }
}

/// One call or stream that is not over yet.
struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

impl Backend for Fake {
    type Events = FakeEvents;
    type Route = FakeRoute;

    async fn models(&self) -> Result<Vec<ListedModel>, Failure> {
        if let Script::Fail(failure) = &self.script {
            return Err(failure.clone());
        }
        let model = Model { id: "echo".into(), ..Model::default() };
        Ok(vec![ListedModel { id: "echo/echo".into(), provider: "echo".into(), model }])
    }

    async fn generate(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> Result<GenerateResponse, Failure> {
        let _running = self.run();
        self.note(options, model, request);
        match &self.script {
            Script::Answer(response) => Ok(response.clone()),
            Script::Fail(failure) => Err(failure.clone()),
            Script::Never | Script::Events(_) => std::future::pending().await,
        }
    }

    async fn stream(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> Result<FakeEvents, Failure> {
        let running = self.run();
        self.note(options, model, request);
        let events = match &self.script {
            Script::Answer(_) => vec![Ok(text("hel")), Ok(text("lo")), Ok(finish())],
            Script::Events(events) => events.clone(),
            Script::Fail(failure) => return Err(failure.clone()),
            Script::Never => Vec::new(),
        };
        let further = self.further.lock().expect("no panic").take();
        Ok(FakeEvents { events: events.into_iter(), further, _running: running })
    }

    async fn ask(&self, question: Question) -> Result<Answered, Failure> {
        let asked =
            Handled { options: question.options, metadata: Metadata::new(), body: question.body };
        (self.handler)(&asked).map(Answered::Whole)
    }

    fn route(&self, path: &str) -> Option<FakeRoute> {
        let path = path.strip_prefix("/hello")?;
        let path = match path {
            "" => "/",
            below if below.starts_with('/') => below,
            _ => return None,
        };
        let (handler, handled) = (self.handler.clone(), self.handled.clone());
        Some(FakeRoute { path: path.to_owned(), handler, handled })
    }

    async fn health(&self) -> GatewayHealth {
        self.examined.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.examination).await;
        GatewayHealth {
            status: self.status,
            release: "loader 0.1.0".into(),
            checks: [("hello".to_owned(), vec![HealthReport::pass()])].into(),
        }
    }

    /// Knows no plugin.
    fn reload(&self, plugin: &str, _: ReloadRequest) -> Result<u64, Diagnostic> {
        Err(Diagnostic::error("LDR-RELOAD-UNKNOWN", format!("no plugin `{plugin}` is served")))
    }

    fn reloads(&self) -> &Ledger {
        &self.ledger
    }

    fn status(&self) -> GatewayStatus {
        GatewayStatus {
            release: "loader 0.1.0".into(),
            plugins: Vec::new(),
            retained: Vec::new(),
            process: Process { thread_local_keys: Some(3), retained: 0, most_retained: 64 },
            accounts: Vec::new(),
        }
    }
}

pub(super) struct FakeEvents {
    events: std::vec::IntoIter<Result<StreamEvent, Failure>>,
    further: Option<mpsc::UnboundedReceiver<Result<StreamEvent, Failure>>>,
    _running: Running,
}

impl Events for FakeEvents {
    async fn next(&mut self) -> Option<Result<StreamEvent, Failure>> {
        if let Some(event) = self.events.next() {
            return Some(event);
        }
        match &mut self.further {
            Some(further) => further.recv().await,
            None => std::future::pending().await,
        }
    }
}

pub(super) struct FakeRoute {
    path: String,
    handler: Handler,
    handled: Arc<Mutex<Vec<Handled>>>,
}

impl PluginRoute for FakeRoute {
    fn take_path(&mut self) -> String {
        std::mem::take(&mut self.path)
    }

    async fn handle(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<Reply, Failure> {
        let handled = Handled { options, metadata, body };
        self.handled.lock().expect("no panic").push(handled.clone());
        (self.handler)(&handled)
    }
}

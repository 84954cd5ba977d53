//! The host of these tests: the services the plugin uses, over tokio's clock, with a network that is
//! the test itself.

use crate::pipe::{Pipe, Pipes};
use irc::{Irc, state::Accounts};
use loader_sdk::{
    Registration,
    abi::{
        CallContext, CallError, CallFuture, Emission, Field, Host, Host_TO, NO_DEADLINE,
        OpenFuture, Opened, PluginBox, Reply, TraceContext,
        abi_stable::{
            sabi_trait::TD_Opaque,
            std_types::{RBox, RResult, RStr, RString, RVec},
        },
        async_ffi::FutureExt,
        class, emission_kind, operation,
    },
    contract::{
        channel::{AccountState, AccountStatus, InboundMessage},
        service::{clock, net, secrets},
    },
    export,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::Write,
    sync::{Arc, Mutex},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::{Duration, Instant, sleep, timeout},
};

/// The secret that the configuration may name.
pub(crate) const SECRET: (&str, &str) = ("bot-password", "pw");

/// One connection of the plugin, seen from the network.
pub(crate) struct Line {
    pub(crate) request: net::Connect,
    /// What the plugin wrote.
    pub(crate) written: Pipe,
    /// What the plugin reads.
    pub(crate) read: Pipe,
}

struct Services {
    began: Instant,
    /// Where the plugin's connections go.
    lines: mpsc::UnboundedSender<Line>,
    /// The error that the next connections meet.
    refusal: Mutex<Option<CallError>>,
    /// What becomes of those who ask for the secret.
    vault: Mutex<Vault>,
    connections: Mutex<HashMap<String, Pipes>>,
    closed: Mutex<Vec<String>>,
    messages: mpsc::UnboundedSender<InboundMessage>,
    statuses: mpsc::UnboundedSender<AccountStatus>,
    /// One permit for every message the gateway takes.
    gateway: Semaphore,
    /// The error that the next messages meet.
    unwilling: Mutex<Option<CallError>>,
}

/// How the host answers when a secret is asked for.
#[derive(Clone)]
pub(crate) enum Vault {
    Open,
    Refuses(CallError),
    /// Not at all.
    Silent,
}

struct HostEnd(Arc<Services>);

/// A started plugin.
pub(crate) struct Life {
    plugin: Arc<PluginBox>,
    running: Option<JoinHandle<()>>,
}

/// A plugin and everything around it.
pub(crate) struct Stage {
    services: Arc<Services>,
    life: Life,
    pub(crate) lines: mpsc::UnboundedReceiver<Line>,
    pub(crate) messages: mpsc::UnboundedReceiver<InboundMessage>,
    pub(crate) statuses: mpsc::UnboundedReceiver<AccountStatus>,
}

impl Stage {
    /// Starts the plugin; its connections arrive in `lines`.
    pub(crate) async fn new() -> Self {
        let (line_sender, lines) = mpsc::unbounded_channel();
        let (message_sender, messages) = mpsc::unbounded_channel();
        let (status_sender, statuses) = mpsc::unbounded_channel();
        let services = Arc::new(Services {
            began: Instant::now(),
            lines: line_sender,
            refusal: Mutex::default(),
            vault: Mutex::new(Vault::Open),
            connections: Mutex::default(),
            closed: Mutex::default(),
            messages: message_sender,
            statuses: status_sender,
            gateway: Semaphore::new(1_000_000),
            unwilling: Mutex::default(),
        });
        let mut life = Life::start(&services).await;
        life.run();
        Self { services, life, lines, messages, statuses }
    }

    /// Starts another generation of the plugin beside this one.
    pub(crate) async fn another(&self) -> Life {
        Life::start(&self.services).await
    }

    /// Lets this one serve from now on, and gives the one before.
    pub(crate) fn exchange(&mut self, fresh: Life) -> Life {
        std::mem::replace(&mut self.life, fresh)
    }

    /// Replaces the plugin by a fresh generation, as a reload does.
    pub(crate) async fn reload(&mut self) {
        let state = self.life.export().await.expect("it comes to rest");
        let mut fresh = self.another().await;
        fresh.import(&state).await;
        fresh.run();
        self.exchange(fresh).retire().await;
    }

    pub(crate) fn life(&mut self) -> &mut Life {
        &mut self.life
    }

    /// Cancels the plugin's background work, as a host may do before it says stop.
    pub(crate) async fn cancel_run(&mut self) {
        self.life.cancel_run().await;
    }

    /// Calls the plugin with an idempotency key.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        operation: &str,
        key: &str,
        request: &impl Serialize,
    ) -> Result<T, CallError> {
        self.life.call(operation, key, request).await
    }

    pub(crate) async fn connect(
        &self,
        account: &str,
        config: Value,
    ) -> Result<AccountStatus, CallError> {
        self.call("channel/1/connect", "", &json!({"account": account, "config": config})).await
    }

    pub(crate) async fn disconnect(&self, account: &str) -> Result<AccountStatus, CallError> {
        let request = json!({"account": account, "reason": "see you"});
        self.call("channel/1/disconnect", "", &request).await
    }

    /// Sends a text and says how many pieces it took.
    pub(crate) async fn send(&self, key: &str, to: &str, text: &str) -> Result<u64, CallError> {
        let request = json!({"account": "home", "conversation": to, "text": text});
        let sent: Value = self.call("channel/1/send", key, &request).await?;
        Ok(sent["pieces"].as_u64().expect("a number"))
    }

    pub(crate) async fn health(&self) -> Value {
        self.call("health/1/check", "", &json!(null)).await.expect("a report")
    }

    pub(crate) async fn accounts(&self) -> Vec<AccountStatus> {
        let list: Value = self.call("channel/1/status", "", &json!(null)).await.expect("a list");
        serde_json::from_value(list["accounts"].clone()).expect("statuses")
    }

    pub(crate) async fn stop(&self) {
        self.call::<()>(operation::STOP, "", &json!(null)).await.expect("it stops");
    }

    /// The next status that is reported.
    pub(crate) async fn status(&mut self) -> AccountStatus {
        soon(self.statuses.recv()).await.expect("a status")
    }

    /// The next message that is delivered.
    pub(crate) async fn message(&mut self) -> InboundMessage {
        soon(self.messages.recv()).await.expect("a message")
    }

    /// Waits for a state, and gives the states that were reported before it.
    pub(crate) async fn until(
        &mut self,
        state: AccountState,
    ) -> (Vec<AccountState>, AccountStatus) {
        let mut before = Vec::new();
        loop {
            let status = self.status().await;
            if status.state == state {
                return (before, status);
            }
            before.push(status.state);
        }
    }

    /// Every message that is delivered from now on meets this error; `None` ends that.
    pub(crate) fn refuse_messages(&self, error: Option<CallError>) {
        *self.services.unwilling.lock().expect("not poisoned") = error;
    }

    /// How long the plugin lives.
    pub(crate) fn age(&self) -> Duration {
        self.services.began.elapsed()
    }

    /// The gateway takes this many messages and no more.
    pub(crate) fn gateway_takes(&self, messages: usize) {
        self.services.gateway.forget_permits(usize::MAX >> 4);
        self.services.gateway.add_permits(messages);
    }

    /// Every connection that is tried from now on meets this error; `None` ends that.
    pub(crate) fn refuse_connections(&self, error: Option<CallError>) {
        *self.services.refusal.lock().expect("not poisoned") = error;
    }

    /// Whoever asks for the secret from now on meets this.
    pub(crate) fn set_vault(&self, vault: Vault) {
        *self.services.vault.lock().expect("not poisoned") = vault;
    }

    /// The names of the connections the plugin closed.
    pub(crate) fn closed(&self) -> Vec<String> {
        self.services.closed.lock().expect("not poisoned").clone()
    }
}

impl Life {
    async fn start(services: &Arc<Services>) -> Self {
        let host = Host_TO::from_value(HostEnd(services.clone()), TD_Opaque);
        let registration = Registration::<Irc>::new().handing_over::<Accounts>();
        let registration = registration.channel("irc").health("irc");
        let plugin = match export::create("irc", "0", registration, host) {
            RResult::ROk(plugin) => Arc::new(plugin),
            RResult::RErr(error) => panic!("{error:?}"),
        };
        let life = Self { plugin, running: None };
        life.call::<()>(operation::START, "", &json!({})).await.expect("it starts");
        life
    }

    pub(crate) fn run(&mut self) {
        let runner = self.plugin.clone();
        self.running = Some(tokio::spawn(async move {
            runner.call(operation::RUN.into(), context(""), RVec::new(), RVec::new()).await;
        }));
    }

    async fn cancel_run(&mut self) {
        let running = self.running.take().expect("it runs");
        running.abort();
        let _ = running.await;
    }

    pub(crate) async fn export(&self) -> Result<Value, CallError> {
        self.call(operation::EXPORT_STATE, "", &json!(null)).await
    }

    pub(crate) async fn import(&self, state: &Value) {
        self.call::<()>(operation::IMPORT_STATE, "", state).await.expect("it takes the state");
    }

    /// Ends it as a host ends the generation that is not served any more.
    pub(crate) async fn retire(mut self) {
        self.cancel_run().await;
        self.call::<()>(operation::STOP, "", &json!(null)).await.expect("it stops");
    }

    async fn call<T: DeserializeOwned>(
        &self,
        operation: &str,
        key: &str,
        request: &impl Serialize,
    ) -> Result<T, CallError> {
        let body = serde_json::to_vec(request).expect("JSON");
        let call = self.plugin.call(operation.into(), context(key), RVec::new(), body.into());
        match call.await {
            RResult::ROk(reply) => Ok(serde_json::from_slice(&reply.body).expect("JSON")),
            RResult::RErr(error) => Err(RBox::into_inner(error)),
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Dropping the last plugin takes back the panic hook, which a panicking thread must not do.
        if std::thread::panicking() {
            std::mem::forget(self.plugin.clone());
        }
    }
}

/// What does not happen within a day does not happen. With the paused clock, a day is short.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(86_400), future).await.expect("it happens within a day")
}

fn context(key: &str) -> CallContext {
    CallContext {
        call_id: 1,
        remaining_ns: NO_DEADLINE,
        trace: TraceContext::default(),
        caller: "gateway".into(),
        depth: 0,
        idempotency_key: RString::from(key),
    }
}

type Answer = Result<Vec<u8>, Box<CallError>>;

fn json_answer(value: &impl Serialize) -> Answer {
    Ok(serde_json::to_vec(value).expect("JSON"))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> T {
    serde_json::from_slice(body).expect("a valid request")
}

impl Services {
    async fn answer(&self, operation: &str, body: &[u8]) -> Answer {
        match operation {
            "clock/1/now" => {
                let since = self.began.elapsed();
                json_answer(&clock::Now {
                    unix_ms: 1_700_000_000_000 + since.as_millis() as u64,
                    monotonic_ns: since.as_nanos() as u64,
                })
            }
            "clock/1/sleep" => {
                let request: clock::Sleep = read(body);
                sleep(Duration::from_millis(request.duration_ms)).await;
                json_answer(&())
            }
            "secrets/1/get" => {
                let request: secrets::Get = read(body);
                let vault = self.vault.lock().expect("not poisoned").clone();
                match vault {
                    Vault::Silent => std::future::pending().await,
                    Vault::Refuses(error) => Err(Box::new(error)),
                    Vault::Open if request.name == SECRET.0 => Ok(SECRET.1.into()),
                    Vault::Open => Err(Box::new(CallError::new(
                        class::NOT_FOUND,
                        "LDR-SECRET-UNKNOWN",
                        "no such secret",
                    ))),
                }
            }
            "net/1/close" => {
                let request: net::Close = read(body);
                let open = self.connections.lock().expect("not poisoned").remove(&request.name);
                if let Some(pipes) = open {
                    pipes.end();
                }
                self.closed.lock().expect("not poisoned").push(request.name);
                json_answer(&())
            }
            "channel-inbox/1/deliver" => {
                if let Some(error) = self.unwilling.lock().expect("not poisoned").clone() {
                    return Err(Box::new(error));
                }
                self.gateway.acquire().await.expect("never closed").forget();
                let _ = self.messages.send(read(body));
                json_answer(&())
            }
            "channel-inbox/1/status" => {
                let _ = self.statuses.send(read(body));
                json_answer(&())
            }
            other => panic!("the plugin asked for `{other}`"),
        }
    }

    /// Opens a connection, or lends the one that was kept under this name.
    async fn connect(&self, request: net::Connect) -> Result<(Pipes, bool), CallError> {
        let open = self.connections.lock().expect("not poisoned").get(&request.name).cloned();
        match open {
            Some(pipes) if pipes.written.has_ended() || pipes.read.has_ended() => {}
            Some(pipes) if pipes.is_held() => {
                return Err(CallError::new(class::CONFLICT, net::code::HELD, "it is held"));
            }
            Some(pipes) => return Ok((pipes, true)),
            None => {}
        }
        if let Some(error) = self.refusal.lock().expect("not poisoned").clone() {
            return Err(error);
        }
        let pipes = Pipes::new(request.keep_ms > 0);
        let (written, read) = (pipes.written.clone(), pipes.read.clone());
        let _ = self.lines.send(Line { request: request.clone(), written, read });
        self.connections.lock().expect("not poisoned").insert(request.name, pipes.clone());
        Ok((pipes, false))
    }
}

impl Host for HostEnd {
    fn call(
        &self,
        operation: RStr<'_>,
        _: CallContext,
        _: RVec<Field>,
        body: RVec<u8>,
    ) -> CallFuture {
        let (services, operation) = (self.0.clone(), operation.to_string());
        async move {
            match services.answer(&operation, &body).await {
                Ok(body) => RResult::ROk(Reply { metadata: RVec::new(), body: body.into() }),
                Err(error) => RResult::RErr(RBox::from_box(error)),
            }
        }
        .into_ffi()
    }

    fn open(
        &self,
        operation: RStr<'_>,
        _: CallContext,
        _: RVec<Field>,
        body: RVec<u8>,
    ) -> OpenFuture {
        assert_eq!(operation.as_str(), "net/1/connect");
        let services = self.0.clone();
        async move {
            match services.connect(read(&body)).await {
                Ok((pipes, adopted)) => {
                    let connected = net::Connected { adopted, ..net::Connected::default() };
                    let head = serde_json::to_vec(&connected).expect("JSON");
                    RResult::ROk(Opened {
                        head: Reply { metadata: RVec::new(), body: head.into() },
                        stream: pipes.duplex(),
                    })
                }
                Err(error) => RResult::RErr(RBox::new(error)),
            }
        }
        .into_ffi()
    }

    fn emit(&self, emission: Emission<'_>) {
        // The plugin's hook replaces the one that would show a panic of the test.
        if emission.kind == emission_kind::PANIC {
            let place = String::from_utf8_lossy(&emission.fields).into_owned();
            let _ = writeln!(std::io::stderr(), "panic: {} {place}", emission.name);
        }
    }

    fn enabled(&self, _: u32, _: RStr<'_>) -> bool {
        false
    }
}

//! Background services: `service/1`. Started in order once the port listens, stopped in the opposite
//! order before any plugin stops, and started again in every fresh generation.

use crate::{desk::Desk, gateway::MOMENT};
use futures_util::future::join_all;
use loader_contract::background_service::{
    CONTRACT, ListedService, ServiceList, ServiceState, ServiceStatus, method,
};
use loader_core::{
    CallOptions, Capability, Engine, Snapshot,
    message::{Failure, Reply},
    service::{Answer, Service, ServiceRequest},
};
use serde::de::{DeserializeOwned, IgnoredAny};
use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

/// How long a service may take to say how it is.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// The background services of every plugin.
#[derive(Clone)]
pub(crate) struct Background(Arc<Shared>);

struct Shared {
    desk: Arc<Desk>,
    /// Those that were told to start, in the order in which they were.
    known: Mutex<Vec<Known>>,
    following: TaskTracker,
    /// None is started any more.
    over: CancellationToken,
}

/// One service that was told to start.
#[derive(Clone)]
struct Known {
    id: String,
    plugin: String,
    /// The generation that was told.
    generation: u64,
    state: ServiceState,
    /// Why it does not run.
    trouble: String,
}

impl Background {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self(Arc::new(Shared {
            desk,
            known: Mutex::default(),
            following: TaskTracker::new(),
            over: CancellationToken::new(),
        }))
    }

    /// Starts every service, one after another, and from now on those of fresh generations.
    pub(crate) async fn begin(&self) {
        let Ok(engine) = self.0.desk.engine() else { return };
        let (told, started) = oneshot::channel();
        let shared = self.0.clone();
        let following = async move {
            let mut changes = engine.registry().changes();
            shared.look(&engine).await;
            // Whoever waited may have gone.
            let _ = told.send(());
            while changes.changed().await.is_ok() {
                shared.look(&engine).await;
            }
        };
        let over = self.0.over.clone();
        self.0.following.spawn(async move { over.run_until_cancelled(following).await });
        // It is not told when the gateway stops meanwhile.
        let _ = started.await;
    }

    /// Stops every service, the last that was started first. All of them together may take so long, and a
    /// moment each.
    pub(crate) async fn end(&self, drain: Duration) {
        let asked = Instant::now();
        self.0.over.cancel();
        self.0.following.close();
        self.0.following.wait().await;
        let Ok(engine) = self.0.desk.engine() else { return };
        let mut running = self.0.known().clone();
        running.retain(|one| matches!(one.state, ServiceState::Running | ServiceState::Waiting));
        while let Some(service) = running.pop() {
            // One that hangs takes nothing from those that come after it.
            let others = u32::try_from(running.len()).unwrap_or(u32::MAX);
            let left = drain.saturating_sub(asked.elapsed()).saturating_sub(MOMENT * others);
            self.0.stop(&engine, &service, left.max(MOMENT)).await;
        }
    }

    async fn list(&self) -> Result<ServiceList, Failure> {
        let engine = self.0.desk.engine()?;
        let snapshot = engine.snapshot();
        let listed =
            snapshot.capabilities(CONTRACT).map(|offered| self.0.describe(&engine, offered));
        Ok(ServiceList { services: join_all(listed).await })
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Starts the services of generations that were not told to yet, and forgets those that are gone.
    async fn look(&self, engine: &Engine) {
        let snapshot = engine.snapshot();
        self.known().retain(|known| {
            let offered = snapshot.capability(CONTRACT, &known.id);
            offered.is_some_and(|offered| offered.plugin == known.plugin)
        });
        for offered in snapshot.capabilities(CONTRACT) {
            let Some(generation) = generation_of(&snapshot, offered) else { continue };
            let is_known = |known: &Known| known.id == offered.id && known.generation == generation;
            if !self.known().iter().any(is_known) {
                self.start(engine, offered, generation).await;
            }
        }
    }

    async fn start(&self, engine: &Engine, offered: &Capability, generation: u64) {
        let (service, plugin) = (offered.id.as_str(), offered.plugin.as_str());
        let options = CallOptions::by("gateway").idempotent(true);
        let asked = Known {
            id: service.to_owned(),
            plugin: plugin.to_owned(),
            generation,
            state: ServiceState::Waiting,
            trouble: String::new(),
        };
        // When the gateway stops meanwhile, the service is to be stopped too.
        self.keep(asked.clone());
        let started = ask::<IgnoredAny>(engine, service, method::START, options).await;
        let (state, trouble) = match &started {
            Ok(_) => (ServiceState::Running, String::new()),
            Err(failure) => {
                (ServiceState::Failed, format!("{} ({})", failure.message, failure.code))
            }
        };
        self.keep(Known { state, trouble, ..asked });
        match started {
            Ok(_) => info!(service, plugin, generation, "service started"),
            Err(Failure { code, message, hint, .. }) => {
                warn!(service, plugin, generation, code, hint, "not started: {message}");
            }
        }
    }

    fn keep(&self, told: Known) {
        let mut known = self.known();
        match known.iter_mut().find(|known| known.id == told.id) {
            Some(known) => *known = told,
            None => known.push(told),
        }
    }

    async fn stop(&self, engine: &Engine, known: &Known, within: Duration) {
        let Known { id, plugin, .. } = known;
        let options = CallOptions::by("gateway").within(within).idempotent(true);
        match ask::<IgnoredAny>(engine, id, method::STOP, options).await {
            Ok(_) => info!(service = id, plugin, "service stopped"),
            Err(Failure { code, message, .. }) => {
                warn!(service = id, plugin, code, "not stopped in good order: {message}");
            }
        }
        if let Some(known) = self.known().iter_mut().find(|one| one.id == *id) {
            known.state = ServiceState::Stopped;
        }
    }

    async fn describe(&self, engine: &Engine, offered: &Capability) -> ListedService {
        let known = self.known().iter().find(|known| known.id == offered.id).cloned();
        let (state, trouble) = known.map(|known| (known.state, known.trouble)).unwrap_or_default();
        let output = match state {
            ServiceState::Running if speaks(offered) => {
                let options = CallOptions::by("gateway").within(ASK_TIMEOUT).idempotent(true);
                let said = ask::<ServiceStatus>(engine, &offered.id, method::STATUS, options).await;
                said.map_or_else(
                    |failure| format!("it does not say: {} ({})", failure.message, failure.code),
                    |status| status.output,
                )
            }
            _ => trouble,
        };
        ListedService { id: offered.id.clone(), plugin: offered.plugin.clone(), state, output }
    }
}

/// The generation that serves a capability.
fn generation_of(snapshot: &Snapshot, offered: &Capability) -> Option<u64> {
    snapshot.plugin(&offered.plugin)?.generation
}

/// Whether a service says how it is.
fn speaks(offered: &Capability) -> bool {
    let methods = offered.attributes.get("methods").and_then(|methods| methods.as_array());
    methods.is_some_and(|methods| methods.iter().any(|one| one == method::STATUS))
}

async fn ask<T: DeserializeOwned>(
    engine: &Engine,
    service: &str,
    method: &str,
    options: CallOptions,
) -> Result<T, Failure> {
    engine.target(CONTRACT, Some(service), method)?.ask(options, &()).await
}

impl Service for Background {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let background = self.clone();
        match request.method.as_str() {
            method::LIST => Answer::later(async move { Reply::json(&background.list().await?) }),
            method => Answer::unimplemented(CONTRACT, method),
        }
    }
}

//! The engine's handle: loads, serves, replaces and stops plugins.

mod activation;
mod apply;
mod budget;
mod bundles;
mod denials;
mod dormant;
mod enablement;
mod follow;
mod load;
mod options;
mod registrations;
mod reload;
mod survey;
mod watch;

pub use activation::{Activation, Wanted};
pub use apply::{Action, Change};
pub use enablement::{Decision, Enablement, SwitchedTo};
pub use options::{BeforeStart, Options, PluginOptions, ReloadOptions};
pub use reload::ReloadRequest;
pub use survey::{Survey, Surveyed, owned, policy, rehearse, survey, switched_on};

use crate::{
    crash,
    diagnostic::Diagnostic,
    digest::Digest,
    dispatch::{Dispatcher, MetricsSnapshot, Served, Target},
    generation::{Departure, Keeper, Retained, Retirement},
    message::{Failure, from_json},
    moment, platform,
    registry::{Registry, Snapshot, Status},
    reload::Ledger,
    service::Services,
    staging::Store,
};
use arc_swap::ArcSwap;
use load::Running;
use loader_abi::{class, operation};
use loader_contract::lifecycle::Stats;
use reload::Turn;
use serde::Serialize;
use std::{
    collections::HashMap,
    panic::resume_unwind,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

/// How many libraries are read, copied and tried at once: a trial that has to wait for a processor
/// could be taken for one that hangs.
const EXAMINED_AT_ONCE: usize = 16;

/// How many builds of one plugin that did not do well are remembered.
const REJECTED: usize = 64;

/// A running engine. Dropping it without [`stop`](Engine::stop) leaves its plugins mapped.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    options: ArcSwap<Options>,
    /// What lets one change of the options follow another.
    applying: tokio::sync::Mutex<()>,
    store: Store,
    registry: Arc<Registry>,
    dispatcher: Dispatcher,
    /// The owners of what is served, in the order of loading; one for each plugin.
    loaded: Mutex<Vec<Loaded>>,
    /// What lets one change of a plugin follow another, for everyone that was ever to be loaded.
    turns: Mutex<HashMap<String, Arc<Turn>>>,
    retained: Mutex<Vec<Retained>>,
    next_generation: AtomicU64,
    ledger: Ledger,
    /// Bytes that were tried on a reload and did not do well, by plugin, the newest last.
    rejected: Mutex<HashMap<String, Vec<Digest>>>,
    /// What is done to its end whoever waits for it. Once it is closed nothing is loaded any more.
    tasks: TaskTracker,
    /// Whoever still drains is to hurry.
    stopping: CancellationToken,
    /// How processes before this one crashed, for whoever asks first what there is to say.
    crashes: Mutex<Vec<Diagnostic>>,
    /// Limits how many libraries are read, copied and tried at once.
    examining: Semaphore,
    /// Whether plugins that ask to be opened late wait for that still.
    defers: AtomicBool,
}

/// One plugin that is served, and what it takes to end or replace it.
struct Loaded {
    id: String,
    running: Running,
    served: Arc<Served>,
    turn: Arc<Turn>,
}

/// How one plugin is doing.
#[derive(Debug, Clone, Serialize)]
pub struct PluginStats {
    /// The plugin's id.
    pub plugin: String,
    /// The generation that serves.
    pub generation: u64,
    /// Calls under way.
    pub in_flight: usize,
    /// Whether calls are refused because the plugin failed too often.
    pub breaker_open: bool,
    /// Panics its guards contained.
    pub panics_contained: u64,
    /// Answers that came after their caller had gone.
    pub late_answers: u64,
    /// Logs, spans and metrics that were dropped.
    pub emissions_dropped: u64,
    /// The counters of its calls.
    #[serde(flatten)]
    pub metrics: MetricsSnapshot,
}

impl Engine {
    /// Prepares an engine; no plugin is loaded yet. Must be called within a tokio runtime.
    pub fn new(options: Options) -> Result<Self, Diagnostic> {
        let store = Store::open(&options.state_dir)?;
        let crashes = match options.crash {
            Some(crash) => crash::begin(&options.state_dir, crash)?,
            None => Vec::new(),
        };
        for crash in &crashes {
            warn!(plugin = crash.plugin, code = crash.code, "{crash}");
        }
        if let Err(reason) = platform::unload_support() {
            warn!(reason, "images will not be unloaded in this process");
        }
        let registry = Arc::new(Registry::new(options.contracts.clone()));
        let dispatcher = Dispatcher::new(registry.clone());
        let engine = Self(Arc::new(Inner {
            options: ArcSwap::from_pointee(options),
            applying: tokio::sync::Mutex::default(),
            store,
            registry,
            dispatcher,
            loaded: Mutex::default(),
            turns: Mutex::default(),
            retained: Mutex::default(),
            next_generation: AtomicU64::new(1),
            ledger: Ledger::default(),
            rejected: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            crashes: Mutex::new(crashes),
            examining: Semaphore::new(EXAMINED_AT_ONCE),
            defers: AtomicBool::new(true),
        }));
        watch::spawn(&engine);
        denials::spawn(&engine);
        Ok(engine)
    }

    /// What is served now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.registry.snapshot()
    }

    /// The registry, to be told of changes.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.0.registry
    }

    /// What the embedding program decided last.
    pub fn options(&self) -> Arc<Options> {
        self.0.options()
    }

    /// The services plugins can use.
    pub fn services(&self) -> Services {
        self.0.options().services.clone()
    }

    /// One method of a capability, to be called as often as wanted.
    pub fn target(
        &self,
        contract: &str,
        id: Option<&str>,
        method: &str,
    ) -> Result<Target, Failure> {
        self.0.dispatcher.target(contract, id, method)
    }

    /// Generations that could not leave the process, and why.
    pub fn retained(&self) -> Vec<Retained> {
        self.0.retained().clone()
    }

    /// How every served plugin is doing.
    pub fn stats(&self) -> Vec<PluginStats> {
        let loaded = self.0.loaded();
        let stats = loaded.iter().map(|loaded| {
            let generation = loaded.running.keeper.generation();
            PluginStats {
                plugin: loaded.id.clone(),
                generation: generation.number(),
                in_flight: loaded.served.in_flight(),
                breaker_open: loaded.served.breaker_is_open(),
                panics_contained: generation.observer().panics(),
                late_answers: generation.late(),
                emissions_dropped: generation.observer().dropped(),
                metrics: loaded.served.metrics(),
            }
        });
        stats.collect()
    }

    /// What a plugin's library says it uses: memory, and background tasks that run.
    pub async fn usage(&self, id: &str) -> Result<Stats, Failure> {
        let generation = {
            let loaded = self.0.loaded();
            let found = loaded.iter().find(|loaded| loaded.id == id);
            found.map(|loaded| loaded.running.keeper.generation().clone())
        };
        let unknown = || {
            let message = format!("the plugin `{}` is not served now", id.escape_debug());
            Failure::new(class::UNAVAILABLE, "LDR-CALL-NOT-SERVED", message)
        };
        let patience = self.0.options().stop_timeout;
        let generation = generation.ok_or_else(unknown)?;
        let reply = generation.ask(operation::STATS, Vec::new(), patience).await?;
        from_json(&reply.body)
    }

    /// Stops one plugin. Calls under way may finish until `drain` has passed. One that is dormant is not
    /// opened any more. Dropping the future stops nothing.
    pub async fn unload(&self, id: &str, drain: Duration) -> Option<Retirement> {
        let turn = self.0.turns().get(id).cloned()?;
        let (engine, id) = (self.clone(), id.to_owned());
        let work = async move {
            let _turn = turn.take().await;
            let keeper = engine.0.withdraw(&id)?;
            Some(engine.0.retire(&id, keeper, drain).await.retirement)
        };
        self.see_through(work).await.flatten()
    }

    /// Stops every plugin, the last loaded first. All of them together may drain so long; whatever is
    /// under way by then has to hurry.
    pub async fn stop(&self, drain: Duration) -> Vec<(String, Retirement)> {
        // From here on nothing is loaded, so what is unloaded below was the last of it.
        self.0.tasks.close();
        self.0.dismiss(|_| true);
        let end = moment::after(drain);
        let stopping = self.0.stopping.clone();
        let hurry = tokio::spawn(async move {
            tokio::time::sleep_until(end.into()).await;
            stopping.cancel();
        });
        let mut outcomes = Vec::new();
        loop {
            let Some(id) = self.0.loaded().last().map(|loaded| loaded.id.clone()) else { break };
            let left = end.saturating_duration_since(Instant::now());
            let Some(outcome) = self.unload(&id, left).await else { continue };
            outcomes.push((id, outcome));
        }
        self.0.tasks.wait().await;
        hurry.abort();
        self.0.stopping.cancel();
        outcomes
    }

    /// Does it to its end, whether somebody waits for it or not. Nothing comes of it when the runtime
    /// ends, and everything with it.
    async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        match self.0.tasks.spawn(work).await {
            Ok(done) => Some(done),
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => None,
            },
        }
    }
}

impl Inner {
    fn loaded(&self) -> MutexGuard<'_, Vec<Loaded>> {
        self.loaded.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn retained(&self) -> MutexGuard<'_, Vec<Retained>> {
        self.retained.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<String, Arc<Turn>>> {
        self.turns.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What lets one change of a plugin follow another.
    fn turn(&self, id: &str) -> Arc<Turn> {
        self.turns().entry(id.to_owned()).or_default().clone()
    }

    fn options(&self) -> Arc<Options> {
        self.options.load_full()
    }

    /// The bytes that were tried on a reload of a plugin and did not do well.
    fn rejected(&self, id: &str) -> Vec<Digest> {
        self.rejections().get(id).cloned().unwrap_or_default()
    }

    fn reject(&self, id: &str, digest: Digest) {
        self.forgive(id, &digest);
        let mut all = self.rejections();
        let rejected = all.entry(id.to_owned()).or_default();
        rejected.push(digest);
        if rejected.len() > REJECTED {
            rejected.remove(0);
        }
    }

    /// Forgets that bytes did not do well: by now they do.
    fn forgive(&self, id: &str, digest: &Digest) {
        if let Some(rejected) = self.rejections().get_mut(id) {
            rejected.retain(|one| one != digest);
        }
    }

    fn rejections(&self) -> MutexGuard<'_, HashMap<String, Vec<Digest>>> {
        self.rejected.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes what there is to say about earlier crashes.
    fn take_crashes(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.crashes.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn generation_number(&self) -> u64 {
        self.next_generation.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets nobody call a plugin any more. Its generation is to be retired then, in the same turn.
    fn withdraw(&self, id: &str) -> Option<Keeper> {
        self.dismiss(|dormant| dormant == id);
        let mut all = self.loaded();
        let index = all.iter().position(|loaded| loaded.id == id)?;
        let Loaded { running, served, .. } = all.remove(index);
        self.registry.publish(|snapshot| {
            snapshot.update(id, |record| {
                record.status = Status::Stopped;
                record.generation = None;
                record.registered = None;
                record.served = None;
            });
        });
        served.serve(None);
        self.rejections().remove(id);
        Some(running.keeper)
    }

    async fn retire(&self, id: &str, keeper: Keeper, drain: Duration) -> Departure {
        let generation = keeper.number();
        let drain = moment::after(drain).saturating_duration_since(Instant::now());
        let departure = keeper.retire(drain, &self.stopping).await;
        let Departure { retirement, cut_off } = &departure;
        if *cut_off > 0 {
            warn!(plugin = id, generation, cut_off, "calls and streams were cut off");
        }
        match retirement {
            Retirement::Unloaded => info!(plugin = id, generation, "retired and unloaded"),
            Retirement::Pinned(reason) => {
                warn!(plugin = id, generation, reason, "retired, but its image stays mapped");
            }
            Retirement::Wedged(reason) => {
                warn!(plugin = id, generation, reason, "does not end and is left to itself");
            }
        }
        if *retirement != Retirement::Unloaded {
            let retained =
                Retained { plugin: id.to_owned(), generation, retirement: retirement.clone() };
            self.retained().push(retained);
        }
        departure
    }
}

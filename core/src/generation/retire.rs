//! The end of a life: drain, stop, drop, join, unload, and the proof of it.

use super::{Generation, Invocation, executor::Threads, leases::Leases};
use crate::{
    image::Image,
    service::{ServiceCaller, Services},
};
use loader_abi::{PluginBox, operation};
use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// How a generation ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "reason")]
pub enum Retirement {
    /// Its image left the process.
    Unloaded,
    /// Its image stays mapped, for this reason.
    Pinned(String),
    /// A call or a thread of it does not end, so nothing of it can be let go.
    Wedged(String),
}

/// How a generation left off, and how it ended.
pub(crate) struct Departure {
    pub(crate) retirement: Retirement,
    /// Calls and streams that had not ended when their time was up.
    pub(crate) cut_off: usize,
}

impl From<Retirement> for Departure {
    fn from(retirement: Retirement) -> Self {
        Self { retirement, cut_off: 0 }
    }
}

/// A generation that could not leave.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Retained {
    /// The plugin's id.
    pub plugin: String,
    /// The generation's number.
    pub generation: u64,
    /// Why.
    #[serde(flatten)]
    pub retirement: Retirement,
}

/// The owner of a generation: the only one who can end it.
pub(crate) struct Keeper {
    plugin: Arc<str>,
    number: u64,
    generation: Option<Arc<Generation>>,
    services: Option<(ServiceCaller, Services)>,
    image: Option<Image>,
    threads: Option<Threads>,
    patience: Duration,
    running: Mutex<Option<oneshot::Receiver<()>>>,
    stop_running: CancellationToken,
}

impl Keeper {
    pub(super) fn new(
        plugin: Arc<str>,
        generation: Arc<Generation>,
        caller: ServiceCaller,
        services: Services,
        image: Image,
        threads: Option<Threads>,
        patience: Duration,
    ) -> Self {
        Self {
            plugin,
            number: generation.number,
            generation: Some(generation),
            services: Some((caller, services)),
            image: Some(image),
            threads,
            patience,
            running: Mutex::new(None),
            stop_running: CancellationToken::new(),
        }
    }

    /// The owner of what is left of a generation that was never created.
    pub(super) fn unborn(
        plugin: Arc<str>,
        number: u64,
        image: Option<Image>,
        threads: Option<Threads>,
        patience: Duration,
    ) -> Self {
        Self {
            plugin,
            number,
            generation: None,
            services: None,
            image,
            threads,
            patience,
            running: Mutex::new(None),
            stop_running: CancellationToken::new(),
        }
    }

    /// The generation's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The generation, for publication.
    pub(crate) fn generation(&self) -> &Arc<Generation> {
        self.generation.as_ref().expect("a keeper that was handed out has a generation")
    }

    /// Starts the plugin's one long call.
    pub(crate) fn run(&self) {
        let (ended, running) = oneshot::channel();
        *lock(&self.running) = Some(running);
        let Some(generation) = self.generation.clone() else { return };
        let stop = self.stop_running.clone();
        let plugin = self.plugin.clone();
        let work = async move {
            {
                let invocation = Invocation::of_host(operation::RUN, 0, None, Vec::new());
                let run = std::pin::pin!(generation.invoke(invocation));
                if let Some(Err(failure)) = super::or_gone(run, || stop.cancelled()).await
                    && failure.class != loader_abi::class::UNIMPLEMENTED
                {
                    warn!(plugin = &*plugin, error = %failure, "background work failed");
                }
            }
            drop(generation);
            let _ = ended.send(());
        };
        match self.generation.as_ref().and_then(|generation| generation.workers.as_ref()) {
            Some(workers) => workers.spawn(work),
            None => drop(tokio::spawn(work)),
        }
    }

    /// Ends the generation: lets calls under way finish until the deadline, then cancels them.
    ///
    /// The registry must not offer the generation any more.
    pub(crate) async fn retire(mut self, drain: Duration, hurry: &CancellationToken) -> Departure {
        let Some(generation) = self.generation.take() else { return reap(self, None).await.into() };
        generation.leases.close();
        let patience = self.patience;
        self.generation = Some(generation.clone());
        if !drain.is_zero() {
            let _ = generation.ask(operation::DRAIN, Vec::new(), drain.min(patience)).await;
            tokio::select! {
                _ = generation.await_leaving(drain, Leases::all) => {}
                () = hurry.cancelled() => {}
            }
        }
        let cut_off = generation.leases();
        if cut_off > 0 {
            generation.cancelled.cancel();
            generation.await_leaving(patience, Leases::all).await;
        }
        self.stop_running.cancel();
        let running = lock(&self.running).take();
        if let Some(running) = running {
            let _ = tokio::time::timeout(patience, running).await;
        }
        if let Err(failure) = generation.ask(operation::STOP, Vec::new(), patience).await {
            debug!(plugin = &*self.plugin, error = %failure, "the plugin did not stop by itself");
        }
        generation.await_leaving(patience, Leases::all).await;
        self.generation = None;
        Departure { retirement: reap(self, Some(generation)).await, cut_off }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Does the rest on a thread of its own: it joins threads and must not hold up the host.
async fn reap(keeper: Keeper, generation: Option<Arc<Generation>>) -> Retirement {
    let (sender, receiver) = oneshot::channel();
    let reaper = thread::Builder::new().name("loader-reaper".into()).spawn(move || {
        let _ = sender.send(let_go(keeper, generation));
    });
    match reaper {
        Ok(_) => {
            receiver.await.unwrap_or_else(|_| Retirement::Wedged("the reaper panicked".into()))
        }
        Err(error) => Retirement::Wedged(format!("no thread for the reaper: {error}")),
    }
}

fn let_go(mut keeper: Keeper, generation: Option<Arc<Generation>>) -> Retirement {
    let patience = keeper.patience;
    let image = keeper.image.take();
    let threads = keeper.threads.take();
    if let Some(generation) = generation {
        if generation.is_inline() {
            std::mem::forget(generation);
            return Retirement::Pinned(
                "it was placed inline; inline images are never unloaded".into(),
            );
        }
        let relay = generation.relay.clone();
        if let Err(reason) = drop_plugin(generation, patience) {
            std::mem::forget((image, threads));
            return Retirement::Wedged(reason);
        }
        relay.close();
    }
    if let Some((caller, services)) = &keeper.services {
        services.release(caller);
    }
    if let Some(threads) = threads
        && !threads.stop(patience)
    {
        std::mem::forget(image);
        return Retirement::Wedged("a thread of the generation does not end".into());
    }
    match image.map(|image| image.close(patience)) {
        None | Some(Ok(())) => Retirement::Unloaded,
        Some(Err(reason)) => Retirement::Pinned(reason),
    }
}

/// How long it takes to let go of a reference.
const MOMENT: Duration = Duration::from_micros(100);

/// Drops the plugin's object on a thread of the generation.
fn drop_plugin(mut generation: Arc<Generation>, patience: Duration) -> Result<(), String> {
    let deadline = Instant::now() + patience;
    let mut generation = loop {
        // A lease's last act, after its count, is to let go of its reference.
        match Arc::try_unwrap(generation) {
            Ok(generation) => break generation,
            Err(shared) if Instant::now() < deadline => {
                generation = shared;
                thread::sleep(MOMENT);
            }
            Err(shared) => {
                let calls = shared.leases();
                std::mem::forget(shared);
                return Err(format!("{calls} calls do not end"));
            }
        }
    };
    let plugin: Option<PluginBox> = generation.plugin.take();
    let resident = generation.resident;
    let (dropped, done) = mpsc::channel();
    if let Some(workers) = &generation.workers {
        workers.spawn(async move {
            {
                let _visit = resident.visit("drop");
                drop(plugin);
            }
            let _ = dropped.send(());
        });
    }
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    match done.recv_timeout(left) {
        Ok(()) => Ok(()),
        Err(_) => {
            std::mem::forget(generation);
            Err("the plugin's drop does not end".into())
        }
    }
}

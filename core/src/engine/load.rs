//! The whole flow for one plugin: vet, stage, probe, open, start, publish.

use super::{Engine, Inner, Loaded, Options, PluginOptions, registrations, survey};
use crate::{
    diagnostic::Diagnostic,
    discovery::Candidate,
    dispatch::{Reading, Served},
    generation::{self, Keeper, Launch, LaunchError, Launched, Limits},
    probe::Probed,
    registry::{PluginRecord, Status},
    reload::Life,
    vetting::Vetted,
};
use futures_util::future::join_all;
use loader_contract::lifecycle::{HostDescription, StateDescription};
use std::{sync::Arc, time::Duration};
use tokio::task::{JoinError, JoinHandle};
use tracing::{error, info};

/// A generation that answers, and what it was made from.
pub(super) struct Running {
    pub(super) vetted: Vetted,
    pub(super) keeper: Keeper,
    /// What it registered, as `contract:id`.
    registered: Vec<String>,
    /// The state it hands over, if it does.
    pub(super) state: Option<StateDescription>,
    /// The settings it was started with, which may not be those of the options any more.
    pub(super) settings: PluginOptions,
    /// The counters when calls began to come to it.
    pub(super) since: Reading,
}

impl Running {
    /// Where it was found, and what its manifest says.
    pub(super) fn candidate(&self) -> &Candidate {
        self.vetted.candidate()
    }

    /// The generation as the ledger names it.
    pub(super) fn life(&self) -> Life {
        Life {
            generation: self.keeper.number(),
            version: self.vetted.spec().version.to_string(),
            digest: self.vetted.digest().to_string(),
        }
    }
}

impl Engine {
    /// Discovers and loads everything that is switched on and not served, and returns what there is to
    /// say. What the options' activation lets wait is dormant. Dropping the future stops nothing.
    ///
    /// A plugin that fails is recorded as failed; the others are served all the same.
    pub async fn load_all(&self) -> Vec<Diagnostic> {
        let engine = self.clone();
        self.see_through(async move { engine.bring_all().await }).await.unwrap_or_default()
    }

    /// Loads one plugin, dormant or not. Returns what there is to say; an error among it means that it is
    /// not served, or was already. Dropping the future stops nothing.
    pub async fn load(&self, candidate: &Candidate) -> Vec<Diagnostic> {
        self.bring(candidate).await.unwrap_or_else(|| {
            let id = candidate.id();
            let message = "a plugin of this id is served already";
            let finding = Diagnostic::error("LDR-START-SERVED", message).about(id);
            vec![finding.at(candidate.folder()).hint(format!("loader plugins reload {id}"))]
        })
    }

    /// Loads one plugin in its turn; nothing when one of its id is served.
    pub(super) async fn bring(&self, candidate: &Candidate) -> Option<Vec<Diagnostic>> {
        let (engine, candidate) = (self.clone(), candidate.clone());
        self.see_through(async move { engine.0.bring(&candidate).await }).await.flatten()
    }

    async fn bring_all(&self) -> Vec<Diagnostic> {
        let (inner, options) = (&*self.0, self.options());
        let looking = options.clone();
        let found = tokio::task::spawn_blocking(move || survey::find(&looking)).await;
        let mut diagnostics = inner.take_crashes();
        let found = match found {
            Ok(found) => found,
            Err(ended) => {
                diagnostics.push(Diagnostic::panicked("the look for plugins", ended));
                return diagnostics;
            }
        };
        diagnostics.extend(found.diagnostics);
        let (on, off): (Vec<_>, Vec<_>) = found
            .candidates
            .into_iter()
            .partition(|candidate| options.enablement.decide(candidate).enabled);
        let off = off.iter().map(|candidate| inner.record(candidate, Status::Disabled));
        let off: Vec<_> = off.collect();
        inner.registry.publish(|snapshot| off.into_iter().for_each(|record| snapshot.put(record)));
        let (bundles, on): (Vec<_>, Vec<_>) =
            on.into_iter().partition(|candidate| candidate.bundle().is_some());
        for bundle in &bundles {
            diagnostics.extend(inner.bring(bundle).await.into_iter().flatten());
        }
        let (waiting, on): (Vec<_>, Vec<_>) =
            on.into_iter().partition(|candidate| self.is_to_wait(candidate));
        self.lay_down_new(&waiting).await;
        let turns: Vec<_> = on.iter().map(|candidate| inner.turn(candidate.id())).collect();
        let starting = on.iter().zip(&turns).map(|(candidate, turn)| async move {
            let turn = turn.take().await;
            if inner.serves(candidate.id()) {
                return None;
            }
            Some((candidate, turn, inner.start(candidate).await))
        });
        for (candidate, _turn, started) in join_all(starting).await.into_iter().flatten() {
            diagnostics.extend(inner.serve(candidate, started).await);
        }
        diagnostics.extend_from_slice(self.snapshot().conflicts());
        diagnostics
    }
}

impl Inner {
    async fn bring(&self, candidate: &Candidate) -> Option<Vec<Diagnostic>> {
        // Whoever waits for the turn ends the watch over a fresh generation.
        if self.serves(candidate.id()) {
            return None;
        }
        let turn = self.turn(candidate.id());
        let _turn = turn.take().await;
        if self.serves(candidate.id()) {
            return None;
        }
        Some(match candidate.bundle() {
            Some(bundle) => self.take_in(candidate, bundle).await,
            None => self.serve(candidate, self.start(candidate).await).await,
        })
    }

    pub(super) fn serves(&self, id: &str) -> bool {
        self.loaded().iter().any(|one| one.id == id)
    }

    /// Everything up to a generation that answers.
    pub(super) async fn start(&self, candidate: &Candidate) -> Result<Running, Vec<Diagnostic>> {
        if self.tasks.is_closed() {
            return Err(vec![stopping(candidate)]);
        }
        let number = self.generation_number();
        let options = self.options();
        let settings = options.settings(candidate.id());
        let (vetted, probed) = {
            let store = self.store.clone();
            let examined = candidate.clone();
            let work = move || {
                survey::prepare(&options, &survey::policy(&options), &store, &examined, number)
            };
            // Nobody closes the semaphore.
            let _turn = self.examining.acquire().await;
            let examined = tokio::task::spawn_blocking(work).await;
            examined.map_err(|ended| {
                vec![Diagnostic::panicked("the examination", ended).about(candidate.id())]
            })??
        };
        self.launch(vetted, probed, number, settings).await
    }

    /// Opens and starts what was examined.
    pub(super) async fn launch(
        &self,
        vetted: Vetted,
        probed: Probed,
        number: u64,
        settings: PluginOptions,
    ) -> Result<Running, Vec<Diagnostic>> {
        let candidate = vetted.candidate();
        let options = self.options();
        let launching = tokio::spawn(generation::launch(Launch {
            probed,
            number,
            placement: settings.placement,
            config: Arc::new(settings.config.clone()),
            services: options.services.clone(),
            capabilities: Arc::new(self.dispatcher.clone()),
            description: description(&options),
            log_filter: options.log_filter.clone(),
            limits: Limits { start: options.start_timeout, stop: options.stop_timeout },
        }));
        let Some(launched) = self.unless_stopping(launching).await else {
            return Err(vec![stopping(candidate)]);
        };
        let launched = launched.map_err(|ended| {
            vec![Diagnostic::panicked("the start", ended).about(candidate.id())]
        })?;
        let Launched { keeper, registrations, state } = match launched {
            Ok(launched) => launched,
            Err(LaunchError { diagnostic, retained }) => {
                self.retained().extend(retained);
                return Err(vec![diagnostic]);
            }
        };
        match registrations::check(candidate, &registrations, &options.contracts) {
            Ok(registered) => {
                let since = Reading::default();
                Ok(Running { vetted, keeper, registered, state, settings, since })
            }
            Err(diagnostic) => {
                self.retire(candidate.id(), keeper, Duration::ZERO).await;
                Err(vec![diagnostic])
            }
        }
    }

    /// What comes of a start. A stop does not wait for it: what comes of it then is let go of.
    async fn unless_stopping(
        &self,
        mut launching: JoinHandle<Result<Launched, LaunchError>>,
    ) -> Option<Result<Result<Launched, LaunchError>, JoinError>> {
        let stopping = self.stopping.clone();
        tokio::select! {
            launched = &mut launching => return Some(launched),
            () = stopping.cancelled() => {}
        }
        tokio::spawn(async move {
            if let Ok(Ok(Launched { keeper, .. })) = launching.await {
                keeper.retire(Duration::ZERO, &stopping).await;
            }
        });
        None
    }

    /// Sends the calls of a plugin to another generation. Returns the one that served, and what there
    /// is to say; or what it was given when the plugin was stopped meanwhile.
    pub(super) fn exchange(
        &self,
        id: &str,
        mut running: Running,
    ) -> Result<(Running, Vec<Diagnostic>), Box<Running>> {
        let mut all = self.loaded();
        let Some(loaded) = all.iter_mut().find(|loaded| loaded.id == id) else {
            return Err(Box::new(running));
        };
        running.since = loaded.served.reading();
        let before = std::mem::replace(&mut loaded.running, running);
        // Calls first: whoever hears of the fresh generation finds it answering.
        loaded.served.serve(Some(loaded.running.keeper.generation().clone()));
        let findings = self.register(&loaded.running, &loaded.served);
        Ok((before, findings))
    }

    /// Lets a plugin that started serve, or records why it does not.
    pub(super) async fn serve(
        &self,
        candidate: &Candidate,
        started: Result<Running, Vec<Diagnostic>>,
    ) -> Vec<Diagnostic> {
        let running = match started {
            Ok(running) => running,
            Err(findings) => return self.failed(candidate, findings),
        };
        match self.publish(running) {
            Ok(findings) => findings,
            Err(running) => {
                self.retire(candidate.id(), running.keeper, Duration::ZERO).await;
                self.failed(candidate, vec![stopping(candidate)])
            }
        }
    }

    /// Lets a plugin that started serve. From here on it is called. Gives it back when the engine
    /// stops: nobody would end it.
    fn publish(&self, running: Running) -> Result<Vec<Diagnostic>, Box<Running>> {
        let id = running.candidate().id().to_owned();
        // Others may be in effect by now than those it was started with.
        let calls = self.options().settings(&id).calls;
        let mut all = self.loaded();
        // Whoever has the turn of a plugin is the only one to load it.
        if self.tasks.is_closed() || all.iter().any(|one| one.id == id) {
            return Err(Box::new(running));
        }
        // Whoever waits for one that was dormant knows this.
        let dormant = self.dormant(&id).and_then(|record| record.served.clone());
        let served = dormant.unwrap_or_else(|| Arc::new(Served::new(id.as_str().into(), calls)));
        served.adjust(calls);
        served.serve(Some(running.keeper.generation().clone()));
        let findings = self.register(&running, &served);
        running.keeper.run();
        info!(plugin = id, version = %running.candidate().spec().version,
            generation = running.keeper.number(), placement = running.settings.placement.name(),
            "plugin loaded");
        let turn = self.turn(&id);
        all.push(Loaded { id, running, served, turn });
        Ok(findings)
    }

    /// Puts what a plugin provides into the registry, in the place of what it provided before. What it
    /// claims and others keep is known to the registry, and no failure of the plugin's.
    fn register(&self, running: &Running, served: &Arc<Served>) -> Vec<Diagnostic> {
        let Running { vetted, keeper, registered, settings, .. } = running;
        let mut record = self.record(running.candidate(), Status::Served);
        record.digest = Some(vetted.digest().to_string());
        record.placement = Some(settings.placement);
        record.generation = Some(keeper.number());
        record.registered = Some(registered.clone());
        record.served = Some(served.clone());
        record.findings = vetted.warnings().to_vec();
        self.registry.publish(|snapshot| snapshot.put(record));
        vetted.warnings().to_vec()
    }

    pub(super) fn failed(
        &self,
        candidate: &Candidate,
        findings: Vec<Diagnostic>,
    ) -> Vec<Diagnostic> {
        for finding in &findings {
            error!(plugin = candidate.id(), code = finding.code, "{finding}");
        }
        let mut record = self.record(candidate, Status::Failed);
        record.findings = findings.clone();
        self.registry.publish(|snapshot| snapshot.put(record));
        findings
    }

    pub(super) fn record(&self, candidate: &Candidate, status: Status) -> PluginRecord {
        let spec = candidate.spec();
        let provides = spec.provides.iter();
        PluginRecord {
            id: spec.id.clone(),
            kind: spec.content.kind(),
            version: spec.version.to_string(),
            description: spec.description.clone().unwrap_or_default(),
            origin: candidate.origin(),
            source: candidate.installed().map(|release| release.source.clone()),
            folder: candidate.folder().to_owned(),
            digest: None,
            status,
            placement: None,
            generation: None,
            provides: provides.map(|one| format!("{}:{}", one.contract, one.id)).collect(),
            registered: None,
            skills: Vec::new(),
            diagnostics: Vec::new(),
            findings: Vec::new(),
            candidate: candidate.clone(),
            served: None,
        }
    }
}

fn description(options: &Options) -> HostDescription {
    let versions = options.contracts.iter().map(|(name, terms)| (name.clone(), terms.versions));
    HostDescription {
        abi: loader_abi::ABI_VERSION_TEXT.to_owned(),
        host: options.host.clone(),
        services: options.services.names().map(str::to_owned).collect(),
        contracts: versions.collect(),
    }
}

fn stopping(candidate: &Candidate) -> Diagnostic {
    Diagnostic::error("LDR-START-STOPPING", "the engine stops and loads nothing any more")
        .about(candidate.id())
}

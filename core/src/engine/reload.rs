//! Doing what a reload's transaction says.

use super::{Engine, Inner, Options, PluginOptions, load::Running, survey};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    dispatch::Served,
    generation::{Generation, Retirement},
    message::Failure,
    probe::Probed,
    reload::{
        Actor, Cause, Event, Ledger, Life, Reload, State, Verdict,
        canary::{Behind, judge},
        drive, handover,
    },
    vetting::Vetted,
};
use loader_abi::{class, operation};
use loader_contract::{health::HealthReport, lifecycle::StateDescription};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedMutexGuard, watch};
use tracing::{info, warn};

/// How often a watched generation is asked whether it is well.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// How often the latency of a watched generation is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A wish for a reload.
#[derive(Debug, Clone, Copy)]
pub struct ReloadRequest {
    /// Why.
    pub cause: Cause,
    /// How long the fresh generation is watched, where that is not as configured.
    pub window: Option<Duration>,
    /// Whether state that the fresh generation cannot read may be lost.
    pub discard_state: bool,
}

impl From<Cause> for ReloadRequest {
    fn from(cause: Cause) -> Self {
        Self { cause, window: None, discard_state: false }
    }
}

/// What lets one change of a plugin follow another.
pub(super) struct Turn {
    lock: Arc<tokio::sync::Mutex<()>>,
    /// How many wait for it: a watch over a generation ends early for them.
    wanted: watch::Sender<u64>,
}

impl Default for Turn {
    fn default() -> Self {
        Self { lock: Arc::default(), wanted: watch::Sender::new(0) }
    }
}

impl Turn {
    /// Waits for the right to change which generation serves, and ends the watch of whoever has it.
    pub(super) async fn take(&self) -> OwnedMutexGuard<()> {
        self.wanted.send_modify(|wanted| *wanted += 1);
        let turn = self.lock.clone().lock_owned().await;
        self.wanted.send_modify(|wanted| *wanted -= 1);
        turn
    }

    async fn is_wanted(&self) {
        // The sender lives as long as `self`.
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted > 0).await;
    }
}

impl Engine {
    /// Replaces a plugin's generation with a fresh one of what its files are now, and returns the
    /// number of the reload in the [ledger](Engine::reloads) at once.
    ///
    /// Anything that goes wrong leaves the old generation serving, or brings it back.
    pub fn reload(&self, id: &str, request: impl Into<ReloadRequest>) -> Result<u64, Diagnostic> {
        let request = request.into();
        let turn = self.0.loaded().iter().find(|one| one.id == id).map(|one| one.turn.clone());
        let Some(turn) = turn else {
            let message = format!("no plugin `{}` is served", id.escape_debug());
            return Err(
                Diagnostic::error("LDR-RELOAD-UNKNOWN", message).hint("loader plugins list")
            );
        };
        let number = self.0.ledger.begin(id, request.cause);
        let (engine, plugin) = (self.clone(), id.to_owned());
        self.0.tasks.spawn(async move {
            let held = Some(turn.take().await);
            let reloading = Reloading {
                engine: &engine.0,
                plugin: &plugin,
                number,
                request,
                turn: &turn,
                held,
                prepared: None,
                fresh: None,
                old: None,
                hands_over: false,
                exported: Vec::new(),
            };
            reloading.run().await;
        });
        Ok(number)
    }

    /// What was reloaded, and what came of it.
    pub fn reloads(&self) -> &Ledger {
        &self.0.ledger
    }
}

/// One reload under way.
struct Reloading<'a> {
    engine: &'a Inner,
    plugin: &'a str,
    number: u64,
    request: ReloadRequest,
    turn: &'a Turn,
    /// The right to change which generation serves; given back once that is decided.
    held: Option<OwnedMutexGuard<()>>,
    /// What was examined, until it is started.
    prepared: Option<(Vetted, Probed, u64, PluginOptions)>,
    /// The fresh generation, until it is published and after it is withdrawn.
    fresh: Option<Running>,
    /// The generation before, while another is published, and who tells how that one does.
    old: Option<(Running, Arc<Behind>)>,
    /// Whether there is state that the old generation hands over.
    hands_over: bool,
    /// The state that was given away last.
    exported: Vec<u8>,
}

impl Actor for Reloading<'_> {
    async fn act(&mut self, state: State, verdict: Option<Verdict>) -> Event {
        self.write(|reload| {
            reload.state = state.name();
            reload.verdict = verdict;
            if verdict.is_some() {
                reload.decide();
            }
        });
        let began = Instant::now();
        let result = match state {
            State::Examine => self.examine().await,
            State::Start => self.start().await,
            State::Check => self.check().await,
            State::Hold => self.hold().await,
            State::Export => self.export().await,
            State::Import => self.import().await,
            State::Publish => self.publish().await,
            State::Watch => self.watch().await,
            State::Resume => self.resume().await,
            State::HoldBack => self.hold_back().await,
            State::ExportBack => self.export_back().await,
            State::ImportBack => self.import_back().await,
            State::Return => self.return_to_old().await,
            State::Discard => self.discard().await,
            State::Retire => self.retire().await,
            State::Over => Ok(Event::Done),
        };
        let (event, findings) = match result {
            Ok(event) => (event, Vec::new()),
            Err(findings) => (self.failure_in(state), findings),
        };
        let went = match event {
            Event::Done | Event::Stateful if findings.is_empty() => "done",
            Event::Unchanged => "unchanged",
            _ => "failed",
        };
        self.write(|reload| {
            reload.findings.extend(findings);
            reload.note(state, began.elapsed(), went);
            if state == State::Publish {
                reload.decide();
            }
        });
        event
    }
}

type Step = Result<Event, Vec<Diagnostic>>;

impl Reloading<'_> {
    async fn run(mut self) {
        // An illegal step would be a mistake of this file; the model checks drive the same table.
        let verdict = drive(&mut self).await.ok().flatten();
        self.write(|reload| {
            reload.state = State::Over.name();
            reload.verdict = verdict;
            // One that was refused before there was anything to discard is decided here.
            reload.decide();
        });
        let Some(reload) = self.engine.ledger.get(self.number) else { return };
        tell(&reload);
    }

    fn write(&self, change: impl FnOnce(&mut Reload)) {
        self.engine.ledger.write(self.number, change);
    }

    fn find(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, message).about(self.plugin)
    }

    fn failure(&self, code: &'static str, what: &str, failure: Failure) -> Vec<Diagnostic> {
        let finding = self.find(code, format!("{what}: {}", failure.message));
        vec![if failure.hint.is_empty() { finding } else { finding.hint(failure.hint) }]
    }

    /// What the fresh generation is to be started from: what the options say now, but for one that
    /// takes the place of a stuck one the settings that did before.
    fn options(&self, before: PluginOptions) -> Arc<Options> {
        let mut options = self.engine.options();
        if self.request.cause == Cause::Stuck {
            Arc::make_mut(&mut options).plugins.insert(self.plugin.to_owned(), before);
        }
        options
    }

    /// Remembers bytes that did not do well; after a change of settings those may be to blame.
    fn reject(&self, digest: Digest) {
        if self.request.cause != Cause::Configuration {
            self.engine.reject(self.plugin, digest);
        }
    }

    /// How a failure in a state is reported to the machine.
    fn failure_in(&self, state: State) -> Event {
        if state == State::Watch && self.hands_over { Event::Stateful } else { Event::Failed }
    }

    /// What is known of the generation that is published.
    fn published<T>(&self, look: impl FnOnce(&Running, &Arc<Served>) -> T) -> Option<T> {
        let loaded = self.engine.loaded();
        let loaded = loaded.iter().find(|loaded| loaded.id == self.plugin)?;
        Some(look(&loaded.running, &loaded.served))
    }

    fn published_generation(&self) -> Result<Arc<Generation>, Vec<Diagnostic>> {
        self.published(|running, _| running.keeper.generation().clone()).ok_or_else(|| {
            vec![self.find("LDR-RELOAD-UNKNOWN", "the plugin was stopped meanwhile")]
        })
    }

    async fn examine(&mut self) -> Step {
        let known = self.published(|running, _| {
            let life = running.life();
            let settings = running.settings.clone();
            (life, running.vetted.digest(), running.candidate().manifest_digest(), settings)
        });
        let Some((life, digest, manifest, settings)) = known else {
            return Err(vec![self.find("LDR-RELOAD-UNKNOWN", "the plugin was stopped meanwhile")]);
        };
        self.write(|reload| reload.from = Some(life));
        self.engine.check_budget(self.plugin)?;
        let number = self.engine.generation_number();
        let (options, store) = (self.options(settings), self.engine.store.clone());
        let (plugin, cause) = (self.plugin.to_owned(), self.request.cause);
        let rejected = self.engine.rejected(self.plugin);
        // Nobody closes the semaphore.
        let _place = self.engine.examining.acquire().await;
        let work = move || {
            let candidate = survey::find_one(&options, &plugin)?;
            let policy = survey::policy(&options);
            let fresh = survey::examine(&options, &policy, &candidate)?;
            let found = fresh.vetted().digest();
            if cause == Cause::Files {
                if found == digest && candidate.manifest_digest() == manifest {
                    return Ok(None);
                }
                if rejected.contains(&found) {
                    let message = "these bytes were tried and did not do well";
                    let hint = format!("loader plugins reload {plugin}");
                    let finding = Diagnostic::error("LDR-RELOAD-REMEMBERED", message);
                    return Err(vec![finding.about(&plugin).at(candidate.folder()).hint(hint)]);
                }
            }
            let probed = survey::stage(&options, &policy, &store, &fresh, number)?;
            let settings = options.settings(&plugin);
            Ok(Some((fresh.into_vetted(), probed, number, settings)))
        };
        let examined = tokio::task::spawn_blocking(work).await;
        let panicked = |_| vec![self.find("LDR-INTERNAL", "the examination panicked")];
        let Some(prepared) = examined.map_err(panicked)?? else { return Ok(Event::Unchanged) };
        let (vetted, ..) = &prepared;
        let life = Life {
            generation: number,
            version: vetted.spec().version.to_string(),
            digest: vetted.digest().to_string(),
        };
        self.write(|reload| reload.to = Some(life));
        self.prepared = Some(prepared);
        Ok(Event::Done)
    }

    async fn start(&mut self) -> Step {
        let (vetted, probed, number, settings) =
            self.prepared.take().expect("the table examines before it starts");
        let digest = vetted.digest();
        match self.engine.launch(vetted, probed, number, settings).await {
            Ok(running) => {
                self.fresh = Some(running);
                Ok(Event::Done)
            }
            Err(findings) => {
                self.reject(digest);
                Err(findings)
            }
        }
    }

    async fn check(&mut self) -> Step {
        let fresh = self.fresh();
        if let Err(failure) = self.ask_health(fresh.keeper.generation()).await {
            self.reject(fresh.vetted.digest());
            return Err(self.failure("LDR-RELOAD-UNHEALTHY", "it is not ready", failure));
        }
        // One that is stuck can give nothing.
        if self.request.cause == Cause::Stuck {
            return Ok(Event::Done);
        }
        let before: Option<StateDescription> =
            self.published(|running, _| running.state.clone()).flatten();
        match handover::needed(before.as_ref(), fresh.state.as_ref()) {
            Ok(needed) => self.hands_over = needed,
            Err(_) if self.request.discard_state => {}
            Err(finding) => {
                self.reject(fresh.vetted.digest());
                let place = fresh.candidate().manifest_path();
                return Err(vec![finding.about(self.plugin).at(place)]);
            }
        }
        Ok(if self.hands_over { Event::Stateful } else { Event::Done })
    }

    async fn ask_health(&self, generation: &Arc<Generation>) -> Result<(), Failure> {
        let patience = self.engine.options().reload.check;
        let report = match generation.ask(operation::HEALTH, Vec::new(), patience).await {
            Ok(reply) => crate::message::from_json::<HealthReport>(&reply.body)?,
            // An older plugin that does not know the question.
            Err(failure) if failure.class == class::UNIMPLEMENTED => return Ok(()),
            Err(failure) => return Err(failure),
        };
        if report.status == loader_contract::health::HealthStatus::Fail {
            let why = if report.output.is_empty() { "it says so itself" } else { &report.output };
            return Err(Failure::new(class::UNAVAILABLE, "LDR-RELOAD-UNHEALTHY", why));
        }
        Ok(())
    }

    async fn hold(&mut self) -> Step {
        let patience = self.engine.options().reload.hold;
        let old = self.published_generation()?;
        old.hold(patience).await.map_err(|calls| {
            let message = format!(
                "{calls} calls did not finish within {} ms, and state is handed over between calls",
                patience.as_millis()
            );
            let hint = "try again, or raise plugins.reload.hold_ms";
            vec![self.find("LDR-RELOAD-BUSY", message).hint(hint)]
        })?;
        Ok(Event::Done)
    }

    async fn export(&mut self) -> Step {
        let old = self.published_generation()?;
        self.exported = self.ask_export(&old).await.map_err(|failure| {
            self.failure("LDR-RELOAD-EXPORT", "the old generation gave no state", failure)
        })?;
        Ok(Event::Done)
    }

    async fn ask_export(&self, generation: &Arc<Generation>) -> Result<Vec<u8>, Failure> {
        let patience = self.engine.options().reload.hold;
        Ok(generation.ask(operation::EXPORT_STATE, Vec::new(), patience).await?.body)
    }

    async fn ask_import(
        &self,
        generation: &Arc<Generation>,
        state: Vec<u8>,
    ) -> Result<(), Failure> {
        let patience = self.engine.options().reload.hold;
        generation.ask(operation::IMPORT_STATE, state, patience).await.map(|_| ())
    }

    async fn import(&mut self) -> Step {
        let fresh = self.fresh();
        let generation = fresh.keeper.generation().clone();
        if let Err(failure) = self.ask_import(&generation, self.exported.clone()).await {
            self.reject(fresh.vetted.digest());
            return Err(self.failure("LDR-RELOAD-IMPORT", "it did not take the state", failure));
        }
        Ok(Event::Done)
    }

    async fn resume(&mut self) -> Step {
        let old = self.published_generation()?;
        let result = if self.exported.is_empty() {
            Ok(())
        } else {
            self.ask_import(&old, self.exported.clone()).await
        };
        old.release();
        self.published(|_, served| served.wake());
        result.map_err(|failure| self.lost("its own state", failure))?;
        Ok(Event::Done)
    }

    /// A generation that goes on without the state it should have.
    fn lost(&self, what: &str, failure: Failure) -> Vec<Diagnostic> {
        self.failure(
            "LDR-RELOAD-STATE-LOST",
            &format!("the old generation did not take {what} back"),
            failure,
        )
    }

    async fn publish(&mut self) -> Step {
        let old = self.published_generation()?;
        let fresh = self.fresh.take().expect("the table starts before it publishes");
        let generation = fresh.keeper.generation().clone();
        let answers = !self.hands_over && self.request.cause != Cause::Stuck;
        let behind = generation.canary().watch(&old, answers);
        let findings = fresh.vetted.warnings().to_vec();
        let Some((old, conflicts)) = self.engine.exchange(self.plugin, fresh) else {
            return Err(vec![self.find("LDR-RELOAD-UNKNOWN", "the plugin was stopped meanwhile")]);
        };
        self.write(|reload| reload.findings.extend(findings.into_iter().chain(conflicts)));
        if !self.hands_over && self.request.cause != Cause::Stuck {
            // Its background work stands still; one that cannot do that goes on beside the other.
            let _ = self.ask_export(old.keeper.generation()).await;
        }
        self.published(|running, _| running.keeper.run());
        self.old = Some((old, behind));
        Ok(Event::Done)
    }

    async fn watch(&mut self) -> Step {
        let policy = self.engine.options().reload.canary;
        let window = self.request.window.unwrap_or(policy.window);
        let fresh = self.published_generation()?;
        let fault = if window.is_zero() { None } else { self.fault_of(&fresh, window).await };
        let Some(finding) = fault else {
            fresh.canary().unwatch();
            return Ok(Event::Done);
        };
        if let Some(digest) = self.published(|running, _| running.vetted.digest()) {
            self.reject(digest);
        }
        Err(vec![finding])
    }

    /// Watches the fresh generation; what speaks against it, if anything does before the time is up.
    async fn fault_of(&self, fresh: &Arc<Generation>, window: Duration) -> Option<Diagnostic> {
        let (_, behind) = self.old.as_ref()?;
        let policy = self.engine.options().reload.canary;
        let served = self.published(|_, served| served.clone())?;
        let (lifetime, began) = (crate::dispatch::Reading::default(), served.reading());
        let before = began.since(&lifetime);
        let end = tokio::time::Instant::now() + window;
        let mut health = tokio::time::interval(HEALTH_INTERVAL.min(window));
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return None,
                () = self.turn.is_wanted() => return None,
                _ = health.tick() => if let Err(failure) = self.ask_health(fresh).await {
                    let message = format!("it is not well: {}", failure.message);
                    return Some(self.find("LDR-RELOAD-CANARY", message));
                },
                () = behind.failed() => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            // Calls that the old generation answered in its place count as failed.
            let mut now = served.reading().since(&began);
            now.failures = behind.failures();
            now.calls = now.calls.max(now.failures);
            if let Some(fault) = judge(&policy, now, before) {
                return Some(self.find("LDR-RELOAD-CANARY", fault.to_string()));
            }
        }
    }

    async fn hold_back(&mut self) -> Step {
        let patience = self.engine.options().reload.hold;
        let fresh = self.published_generation()?;
        fresh.hold(patience).await.map_err(|calls| {
            fresh.cut_off();
            let message =
                format!("{calls} calls of the fresh generation did not end and are cut off");
            vec![self.find("LDR-RELOAD-BUSY", message)]
        })?;
        Ok(Event::Done)
    }

    async fn export_back(&mut self) -> Step {
        let fresh = self.published_generation()?;
        let reads = self.old.as_ref().and_then(|(old, _)| old.state.clone());
        let writes = self.published(|running, _| running.state.clone()).flatten();
        if let Err(finding) = handover::needed(writes.as_ref(), reads.as_ref()) {
            let message = format!("changes since the publication are lost: {}", finding.message);
            return Err(vec![self.find("LDR-RELOAD-STATE-LOST", message)]);
        }
        match self.ask_export(&fresh).await {
            Ok(state) => {
                self.exported = state;
                Ok(Event::Done)
            }
            Err(failure) => {
                let what = "changes since the publication are lost";
                Err(self.failure("LDR-RELOAD-STATE-LOST", what, failure))
            }
        }
    }

    async fn import_back(&mut self) -> Step {
        let Some((old, _)) = &self.old else { return Ok(Event::Done) };
        let old = old.keeper.generation().clone();
        let imported = self.ask_import(&old, self.exported.clone()).await;
        imported.map_err(|failure| self.lost("the state", failure))?;
        Ok(Event::Done)
    }

    async fn return_to_old(&mut self) -> Step {
        let (old, _) = self.old.take().expect("the table publishes before it returns");
        let generation = old.keeper.generation().clone();
        if !self.hands_over {
            let _ = self.ask_import(&generation, Vec::new()).await;
        }
        generation.release();
        match self.engine.exchange(self.plugin, old) {
            Some((fresh, _)) => {
                // Until now a call of the fresh generation could be made again with the old one.
                fresh.keeper.generation().canary().unwatch();
                self.fresh = Some(fresh);
            }
            None => return Ok(Event::Done),
        }
        Ok(Event::Done)
    }

    async fn discard(&mut self) -> Step {
        self.held = None;
        let Some(fresh) = self.fresh.take() else { return Ok(Event::Done) };
        self.end(fresh).await
    }

    async fn retire(&mut self) -> Step {
        self.held = None;
        let Some((old, behind)) = self.old.take() else { return Ok(Event::Done) };
        drop(behind);
        self.end(old).await
    }

    async fn end(&self, running: Running) -> Step {
        let drain = match self.request.cause {
            Cause::Stuck => Duration::ZERO,
            _ => self.engine.options().reload.drain,
        };
        let generation = running.keeper.number();
        let (code, what, why) = match self.engine.retire(self.plugin, running.keeper, drain).await {
            Retirement::Unloaded => return Ok(Event::Done),
            Retirement::Pinned(why) => ("LDR-RELOAD-PINNED", "stays mapped", why),
            Retirement::Wedged(why) => ("LDR-RELOAD-WEDGED", "does not end", why),
        };
        let finding = Diagnostic::warning(code, format!("generation {generation} {what}: {why}"));
        self.write(|reload| reload.findings.push(finding.about(self.plugin)));
        Ok(Event::Done)
    }

    fn fresh(&self) -> &Running {
        self.fresh.as_ref().expect("the table starts a generation before it is asked anything")
    }
}

/// One clear line for the log.
fn tell(reload: &Reload) {
    let Reload { id, plugin, cause, .. } = reload;
    let from = reload.from.as_ref().map(|life| life.generation);
    let to = reload.to.as_ref().map(|life| life.generation);
    let took_ms = reload.decided_us.map(|us| us as f64 / 1000.0);
    let why = reload.findings.iter().find(|finding| finding.is_error());
    match (reload.verdict, why) {
        (Some(Verdict::Kept | Verdict::Unchanged), None) => {
            info!(reload = id, plugin, ?cause, from, to, took_ms, "reloaded");
        }
        (verdict, why) => {
            let code = why.map(|finding| finding.code);
            let hint = why.and_then(|finding| finding.hint.as_deref());
            let why = why.map_or("", |finding| finding.message.as_str());
            warn!(
                reload = id,
                plugin,
                ?cause,
                from,
                to,
                took_ms,
                ?verdict,
                code,
                hint,
                "reload: {why}"
            );
        }
    }
}

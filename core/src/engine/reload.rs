//! Doing what a reload's transaction says. [`reload`](crate::reload) is the machine; here is one file for
//! each part of the work.

pub(super) mod ending;
mod preparation;
mod switch;
mod transfer;
mod turn;
mod vigil;

pub(super) use turn::Turn;

use super::{Engine, Inner, load::Running};
use crate::{
    diagnostic::{Diagnostic, said_by},
    dispatch::Served,
    generation::Generation,
    message::Failure,
    reload::{Actor, Cause, Event, Ledger, Reload, State, Verdict, canary::Behind, drive},
};
use futures_util::FutureExt as _;
use preparation::Prepared;
use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OwnedMutexGuard;

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

impl Engine {
    /// Replaces a plugin's generation with a fresh one of what its files are now, and returns the
    /// number of the reload in the [ledger](Engine::reloads) at once. Of a plugin that is dormant nothing
    /// is replaced: its files are looked at anew.
    ///
    /// Anything that goes wrong leaves the old generation serving, or brings it back.
    pub fn reload(&self, id: &str, request: impl Into<ReloadRequest>) -> Result<u64, Diagnostic> {
        let request = request.into();
        let turn = self.0.loaded().iter().find(|one| one.id == id).map(|one| one.turn.clone());
        let turn = turn.or_else(|| self.0.dormant(id).map(|_| self.0.turn(id)));
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
            if engine.0.dormant(&plugin).is_some() {
                return engine.refresh(&plugin, number).await;
            }
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
                exported: None,
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
    prepared: Option<Prepared>,
    /// The fresh generation, until it is published and after it is withdrawn.
    fresh: Option<Running>,
    /// The generation before, while another is published, and who tells how that one does.
    old: Option<(Running, Arc<Behind>)>,
    /// Whether there is state that the old generation hands over.
    hands_over: bool,
    /// The state that was given away last; empty when it was asked for and did not arrive.
    exported: Option<Vec<u8>>,
}

type Step = Result<Event, Vec<Diagnostic>>;

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

impl Reloading<'_> {
    async fn run(mut self) {
        let driven = AssertUnwindSafe(drive(&mut self)).catch_unwind().await;
        // Neither is to happen; but where it does, nothing is left lying about.
        let verdict = match driven {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(illegal)) => {
                let why = format!("no step follows {:?} in {:?}", illegal.event, illegal.state);
                Some(self.abandon(why).await)
            }
            Err(panic) => {
                let why = format!("a step of the reload panicked: {}", said_by(&*panic));
                Some(self.abandon(why).await)
            }
        };
        self.write(|reload| {
            reload.state = State::Over.name();
            reload.verdict = verdict;
            // One that was refused before there was anything to discard is decided here.
            reload.decide();
        });
        let Some(reload) = self.engine.ledger.get(self.number) else { return };
        ending::tell(&reload);
    }

    fn write(&self, change: impl FnOnce(&mut Reload)) {
        self.engine.ledger.write(self.number, change);
    }

    /// Adds what is to be known, whatever comes of the reload.
    fn note(&self, finding: Diagnostic) {
        self.write(|reload| reload.findings.push(finding));
    }

    fn find(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, message).about(self.plugin)
    }

    /// What a generation answered when it was asked to do its part; its own hint counts more.
    fn failure(
        &self,
        code: &'static str,
        what: &str,
        failure: Failure,
        hint: &str,
    ) -> Vec<Diagnostic> {
        let finding = self.find(code, format!("{what}: {} ({})", failure.message, failure.code));
        let hint = if failure.hint.is_empty() { hint } else { &failure.hint };
        vec![finding.hint(hint)]
    }

    fn stopped(&self) -> Diagnostic {
        let finding = self.find("LDR-RELOAD-UNKNOWN", "the plugin was stopped meanwhile");
        finding.hint("loader status")
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
        let generation = self.published(|running, _| running.keeper.generation().clone());
        generation.ok_or_else(|| vec![self.stopped()])
    }

    fn fresh(&self) -> &Running {
        self.fresh.as_ref().expect("the table starts a generation before it is asked anything")
    }
}

//! Plugins that are not open yet: their manifests say what they provide, and the first call opens them.
//!
//! Whoever calls one meanwhile waits for the same opening, each as long as its own deadline allows. An opening
//! that fails is not tried again by further calls: the plugin is recorded as failed, and what it claimed goes
//! to the next that claims it.

use super::{
    Engine, Inner,
    reload::ending,
    survey::{self, GONE},
};
use crate::{
    diagnostic::Diagnostic,
    discovery::Candidate,
    dispatch::{Served, Waking},
    manifest::PluginSpec,
    message::Failure,
    registry::{PluginRecord, Snapshot, Status},
    reload::{State, Verdict},
};
use futures_util::{FutureExt as _, future::join_all};
use loader_abi::class;
use std::sync::{Arc, atomic::Ordering};
use tracing::info;

impl Engine {
    /// Opens a plugin that is dormant, as the first call to it would. Returns what there is to say; an
    /// error among it means that it is not served. Dropping the future stops nothing.
    pub async fn wake(&self, id: &str) -> Vec<Diagnostic> {
        self.awaken(id).await.unwrap_or_else(|| {
            let message = format!("no plugin `{}` is served or dormant", id.escape_debug());
            vec![Diagnostic::error("LDR-START-UNKNOWN", message).hint("loader plugins list")]
        })
    }

    /// The program serves its clients: opens the plugins that were to be opened only then, and lets none wait
    /// for that any more. Returns what there is to say. Dropping the future stops nothing.
    pub async fn open_deferred(&self) -> Vec<Diagnostic> {
        self.0.defers.store(false, Ordering::SeqCst);
        let snapshot = self.snapshot();
        let dormant = snapshot.plugins().filter(|record| record.status == Status::Dormant);
        let deferred = dormant.filter(|record| !self.is_to_wait(&record.candidate));
        let opening = deferred.map(|record| self.awaken(&record.id));
        join_all(opening).await.into_iter().flatten().flatten().collect()
    }

    /// Whether a plugin is dormant, and only until then.
    pub fn is_deferred(&self, id: &str) -> bool {
        let dormant = self.0.dormant(id);
        dormant.is_some_and(|record| {
            let spec = record.candidate.spec();
            self.defers(spec) && !self.options().activation.waits(spec)
        })
    }

    fn defers(&self, spec: &PluginSpec) -> bool {
        self.0.defers.load(Ordering::SeqCst) && self.options().activation.defers(spec)
    }

    /// Whether a plugin is dormant instead of being loaded.
    pub(super) fn is_to_wait(&self, candidate: &Candidate) -> bool {
        let spec = candidate.spec();
        self.defers(spec) || self.options().activation.waits(spec)
    }

    /// Loads one plugin in its turn, or lets it be dormant, as is decided; nothing when one of its id is
    /// served.
    pub(super) async fn receive(&self, candidate: &Candidate) -> Option<Vec<Diagnostic>> {
        if !self.is_to_wait(candidate) {
            return self.bring(candidate).await;
        }
        let (engine, candidate) = (self.clone(), candidate.clone());
        let work = async move {
            let turn = engine.0.turn(candidate.id());
            let taken = turn.take().await;
            engine.lay_down(std::slice::from_ref(&candidate));
            drop(taken);
            // Whoever opened those that waited may have looked before this one was there.
            if !engine.is_to_wait(&candidate) {
                return engine.0.awaken(candidate.id()).await;
            }
            (!engine.0.serves(candidate.id())).then(Vec::new)
        };
        self.see_through(work).await.flatten()
    }

    /// Lets plugins be dormant that nothing is known of yet.
    pub(super) async fn lay_down_new(&self, candidates: &[Candidate]) {
        let is_new =
            |one: &&Candidate| !self.0.serves(one.id()) && self.0.dormant(one.id()).is_none();
        let new: Vec<Candidate> = candidates.iter().filter(is_new).cloned().collect();
        let turns: Vec<_> = new.iter().map(|one| self.0.turn(one.id())).collect();
        let mut held = Vec::with_capacity(turns.len());
        for turn in &turns {
            held.push(turn.take().await);
        }
        self.lay_down(&new);
    }

    /// Lets plugins be dormant, in their turns, unless they are served. Those that were go on being, as what
    /// their manifests say now.
    fn lay_down(&self, candidates: &[Candidate]) {
        // So that nothing comes to stay once the engine stops.
        let all = self.0.loaded();
        if self.0.tasks.is_closed() {
            return;
        }
        let candidates = candidates.iter().filter(|one| all.iter().all(|own| own.id != one.id()));
        let records: Vec<PluginRecord> = candidates.map(|one| self.dormant_record(one)).collect();
        if !records.is_empty() {
            let put =
                |snapshot: &mut Snapshot| records.into_iter().for_each(|one| snapshot.put(one));
            self.0.registry.publish(put);
        }
    }

    fn dormant_record(&self, candidate: &Candidate) -> PluginRecord {
        let id = candidate.id();
        let mut record = self.0.record(candidate, Status::Dormant);
        let before = self.0.dormant(id).and_then(|record| record.served.clone());
        record.served = before.or_else(|| {
            let served = Served::new(id.into(), self.options().settings(id).calls);
            served.sleep(self.waking(id));
            Some(Arc::new(served))
        });
        record
    }

    /// The one opening that all first calls wait for.
    fn waking(&self, id: &str) -> Waking {
        let (weak, id) = (Arc::downgrade(&self.0), id.to_owned());
        let waking = async move {
            let Some(inner) = weak.upgrade() else { return Ok(()) };
            let findings = Engine(inner).awaken(&id).await.unwrap_or_default();
            let error = findings.into_iter().find(Diagnostic::is_error);
            error.map_or(Ok(()), |finding| Err(failure(&finding)))
        };
        waking.boxed().shared()
    }

    /// Opens a plugin that is dormant; nothing when it is neither that nor served, nor failed.
    async fn awaken(&self, id: &str) -> Option<Vec<Diagnostic>> {
        let (engine, id) = (self.clone(), id.to_owned());
        self.see_through(async move { engine.0.awaken(&id).await }).await.flatten()
    }

    /// Looks anew at the files of one that is dormant, in its turn; nothing is open that could be replaced.
    pub(super) async fn refresh(&self, id: &str, number: u64) {
        let (options, wanted) = (self.options(), id.to_owned());
        let look = move || survey::find_one(&options, &wanted);
        let found = tokio::task::spawn_blocking(look).await.unwrap_or_else(|ended| {
            Err(vec![Diagnostic::panicked("the look at its files", ended).about(id)])
        });
        let (verdict, findings) = match found {
            Ok(candidate) => {
                self.lay_down(std::slice::from_ref(&candidate));
                (Verdict::Unchanged, Vec::new())
            }
            // Nothing of it is open that could go on.
            Err(findings) if matches!(&*findings, [only] if only.code == GONE) => {
                self.0.dismiss(|one| one == id);
                let message = "its files are gone; it was not open, and is stopped";
                let finding = Diagnostic::error(GONE, message).about(id);
                (Verdict::Refused, vec![finding.hint("put them back")])
            }
            Err(findings) => (Verdict::Refused, findings),
        };
        self.0.ledger.write(number, |reload| {
            reload.state = State::Over.name();
            reload.verdict = Some(verdict);
            reload.findings.extend(findings);
            reload.decide();
        });
        if let Some(reload) = self.0.ledger.get(number) {
            ending::tell(&reload);
        }
    }
}

impl Inner {
    /// The record of a plugin that is dormant.
    pub(super) fn dormant(&self, id: &str) -> Option<Arc<PluginRecord>> {
        let snapshot = self.registry.snapshot();
        snapshot.plugin(id).filter(|record| record.status == Status::Dormant).cloned()
    }

    async fn awaken(&self, id: &str) -> Option<Vec<Diagnostic>> {
        // Whoever waits for the turn ends the watch over a fresh generation.
        if self.serves(id) {
            return Some(Vec::new());
        }
        let turn = self.turns().get(id).cloned()?;
        let _turn = turn.take().await;
        if self.serves(id) {
            return Some(Vec::new());
        }
        if let Some(record) = self.dormant(id) {
            info!(plugin = id, "a dormant plugin is opened");
            let candidate = &record.candidate;
            return Some(self.serve(candidate, self.start(candidate).await).await);
        }
        let snapshot = self.registry.snapshot();
        let record = snapshot.plugin(id).filter(|record| record.status == Status::Failed);
        record.map(|record| record.findings.clone())
    }

    /// Lets plugins that are dormant never be opened: nobody can call them any more.
    pub(super) fn dismiss(&self, is_meant: impl Fn(&str) -> bool) {
        // Nothing comes to stay meanwhile.
        let _all = self.loaded();
        let snapshot = self.registry.snapshot();
        let dormant = snapshot.plugins().filter(|record| record.status == Status::Dormant);
        let dormant: Vec<_> = dormant.filter(|record| is_meant(&record.id)).collect();
        if dormant.is_empty() {
            return;
        }
        self.registry.publish(|snapshot| {
            for record in &dormant {
                snapshot.update(&record.id, |record| {
                    record.status = Status::Stopped;
                    record.served = None;
                });
            }
        });
        for served in dormant.iter().filter_map(|record| record.served.as_ref()) {
            served.serve(None);
        }
    }
}

/// What the first callers are told of an opening that failed.
fn failure(finding: &Diagnostic) -> Failure {
    let failure = Failure::new(class::UNAVAILABLE, finding.code, finding.message.clone());
    failure.hint(finding.hint.clone().unwrap_or_default())
}

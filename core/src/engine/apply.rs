//! New options for an engine that runs: what follows from them for each plugin, and doing exactly that.

use super::{Engine, Options, PluginOptions, load::Running, survey};
use crate::{diagnostic::Diagnostic, discovery::Candidate, registry::Status, reload::Cause};
use futures_util::future::join_all;
use serde::Serialize;
use std::{collections::BTreeSet, sync::Arc};

/// What new options mean for one plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The plugin.
    pub plugin: String,
    /// What is done.
    pub action: Action,
    /// The number of the reload in the [ledger](Engine::reloads), if it is one that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reload: Option<u64>,
    /// What there is to say. With an error among it the plugin is as it was.
    pub findings: Vec<Diagnostic>,
}

/// What is done with a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is on now, or is not to be dormant any more, or was not served and has other settings now.
    Load,
    /// It is off now.
    Unload,
    /// A fresh generation takes over: it has another configuration or placement.
    Reload,
    /// It goes on, and may be called in another way.
    Adjust,
    /// Its bytes are denied.
    Deny,
}

impl Change {
    fn of(plugin: &str, action: Action) -> Self {
        Self { plugin: plugin.to_owned(), action, reload: None, findings: Vec::new() }
    }

    /// Whether it could not be done.
    pub fn failed(&self) -> bool {
        self.findings.iter().any(Diagnostic::is_error)
    }
}

/// What is to be done with one plugin.
enum Step {
    Load(Candidate),
    Unload(Candidate),
    Reload(String),
    Adjust(String),
}

impl Step {
    fn change(&self) -> Change {
        match self {
            Self::Load(candidate) => Change::of(candidate.id(), Action::Load),
            Self::Unload(candidate) => Change::of(candidate.id(), Action::Unload),
            Self::Reload(id) => Change::of(id, Action::Reload),
            Self::Adjust(id) => Change::of(id, Action::Adjust),
        }
    }
}

impl Engine {
    /// What [`apply`](Self::apply) would do, apart from denials.
    pub async fn compare(
        &self,
        options: Options,
        affected: &BTreeSet<String>,
    ) -> Result<Vec<Change>, Diagnostic> {
        let options = Arc::new(self.kept(options));
        let steps = self.plan(&options, affected).await?;
        Ok(steps.iter().map(Step::change).collect())
    }

    /// Goes on with other options, and does what follows from them and nothing else: loads what is on
    /// now, unloads what is off, reloads what has another configuration or placement, and what is among
    /// the `affected`. Who is trusted counts for what is loaded from now on, denials at once.
    ///
    /// What a process is started with stays as it is: folders, services, contracts, what is done about
    /// crashes. A configuration that a plugin refuses leaves the old generation with the old one;
    /// options that are applied again try it again. Returns once everything is decided, which may be
    /// before what was unloaded has gone; dropping the future stops nothing. An error means that nothing
    /// was changed.
    pub async fn apply(
        &self,
        options: Options,
        affected: BTreeSet<String>,
    ) -> Result<Vec<Change>, Diagnostic> {
        let engine = self.clone();
        let work = async move { engine.go_on_with(options, &affected).await };
        self.see_through(work).await.unwrap_or_else(|| Ok(Vec::new()))
    }

    async fn go_on_with(
        &self,
        options: Options,
        affected: &BTreeSet<String>,
    ) -> Result<Vec<Change>, Diagnostic> {
        let _turn = self.0.applying.lock().await;
        let options = Arc::new(self.kept(options));
        let steps = self.plan(&options, affected).await?;
        self.0.options.store(options.clone());
        for record in self.snapshot().plugins() {
            if let Some(served) = &record.served {
                served.adjust(options.settings(&record.id).calls);
            }
        }
        // What is unloaded comes first, and gives up what it provides before it is drained.
        let mut changes = join_all(steps.into_iter().map(|step| self.take(step))).await;
        let denied = self.withdraw_denied().await;
        changes.extend(denied.into_iter().map(|(id, finding)| Change {
            findings: vec![finding],
            ..Change::of(&id, Action::Deny)
        }));
        Ok(changes)
    }

    /// These options, with what the process was started with.
    fn kept(&self, options: Options) -> Options {
        let started = self.0.options();
        Options {
            state_dir: started.state_dir.clone(),
            roots: started.roots.clone(),
            services: started.services.clone(),
            contracts: started.contracts.clone(),
            host: started.host.clone(),
            index: started.index.clone(),
            crash: started.crash,
            before_start: started.before_start.clone(),
            ..options
        }
    }

    /// What is to be done so that what runs is what the options say.
    async fn plan(
        &self,
        new: &Arc<Options>,
        affected: &BTreeSet<String>,
    ) -> Result<Vec<Step>, Diagnostic> {
        let old = self.0.options();
        let found = {
            let (old, new) = (old.clone(), new.clone());
            let find = move || (survey::find(&old).candidates, survey::find(&new).candidates);
            tokio::task::spawn_blocking(find).await
        };
        let (before, now) =
            found.map_err(|ended| Diagnostic::panicked("the look for plugins", ended))?;
        let mut steps = Vec::new();
        let loaded = self.0.loaded();
        for one in loaded.iter() {
            let (id, running) = (one.id.as_str(), &one.running);
            let here = of(&now, id);
            let candidate = here.unwrap_or(running.candidate());
            // A plugin of a workspace that is switched on or off hides another of its id, or shows it.
            let has_moved = of(&before, id).map(Candidate::folder) != here.map(Candidate::folder);
            if !new.enablement.decide(candidate).enabled {
                steps.push(Step::Unload(running.candidate().clone()));
            } else if has_moved || affected.contains(id) || differs(running, &new.settings(id)) {
                steps.push(Step::Reload(id.to_owned()));
            } else if old.settings(id).calls != new.settings(id).calls {
                steps.push(Step::Adjust(id.to_owned()));
            }
        }
        for candidate in &now {
            let id = candidate.id();
            if loaded.iter().any(|loaded| loaded.id == id) {
                continue;
            }
            let was_on = of(&before, id).is_some_and(|one| old.enablement.decide(one).enabled);
            let is_on = new.enablement.decide(candidate).enabled;
            let differs = old.settings(id) != new.settings(id) || affected.contains(id);
            if let Some(dormant) = self.0.dormant(id).filter(|_| is_on) {
                // What it is to be started with is looked up when it is opened.
                let is_elsewhere = dormant.candidate.folder() != candidate.folder();
                if is_elsewhere || !new.activation.waits(candidate.spec()) {
                    steps.push(Step::Load(candidate.clone()));
                } else if differs {
                    steps.push(Step::Adjust(id.to_owned()));
                }
                continue;
            }
            // One that failed may do better with other settings.
            if is_on && (!was_on || (differs && candidate.bundle().is_none())) {
                steps.push(Step::Load(candidate.clone()));
            } else if was_on && !is_on {
                steps.push(Step::Unload(candidate.clone()));
            }
        }
        drop(loaded);
        steps.sort_by_key(|step| !matches!(step, Step::Unload(_)));
        Ok(steps)
    }

    async fn take(&self, step: Step) -> Change {
        let mut change = step.change();
        match step {
            Step::Adjust(_) => {}
            Step::Unload(candidate) => self.switch_off(candidate).await,
            Step::Load(candidate) => match self.receive(&candidate).await {
                Some(findings) => change.findings = findings,
                // Its files came at the same time, and it was loaded for that.
                None if self.is_behind(candidate.id()) => {
                    self.renew(candidate.id(), &mut change).await;
                }
                None => {}
            },
            Step::Reload(id) => self.renew(&id, &mut change).await,
        }
        change
    }

    /// Whether a plugin was started with other settings than it has now.
    fn is_behind(&self, id: &str) -> bool {
        let settings = self.0.options().settings(id);
        self.0.loaded().iter().any(|one| one.id == id && differs(&one.running, &settings))
    }

    /// Stops a plugin, if it is served, and waits for that, not for its calls under way.
    async fn switch_off(&self, candidate: Candidate) {
        let id = candidate.id().to_owned();
        let turn = self.0.turn(&id);
        let held = turn.take().await;
        let keeper = self.0.withdraw(&id);
        let record = self.0.record(&candidate, Status::Disabled);
        self.0.registry.publish(|snapshot| snapshot.put(record));
        let Some(keeper) = keeper else { return };
        let (engine, drain) = (self.clone(), self.0.options().reload.drain);
        self.0.tasks.spawn(async move {
            engine.0.retire(&id, keeper, drain).await;
            drop(held);
        });
    }

    /// Replaces a plugin's generation by one with what the options say now.
    async fn renew(&self, id: &str, change: &mut Change) {
        match self.reload(id, Cause::Configuration) {
            Ok(number) => {
                change.reload = Some(number);
                let reload = self.reloads().published(number).await;
                change.findings = reload.map(|reload| reload.findings).unwrap_or_default();
            }
            Err(finding) => change.findings = vec![finding],
        }
    }
}

fn of<'a>(candidates: &'a [Candidate], id: &str) -> Option<&'a Candidate> {
    candidates.iter().find(|candidate| candidate.id() == id)
}

/// Whether it takes a fresh generation to have these settings.
fn differs(running: &Running, settings: &PluginOptions) -> bool {
    running.settings.config != settings.config || running.settings.placement != settings.placement
}

//! Everything up to a fresh generation that is ready, beside the one that serves.

use super::{Reloading, Step};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    engine::{Options, PluginOptions, survey},
    generation::Generation,
    message::Failure,
    probe::Probed,
    reload::{Cause, Event, Life, handover},
    vetting::Vetted,
};
use loader_abi::{class, operation};
use loader_contract::{
    health::{HealthReport, HealthStatus},
    lifecycle::StateDescription,
};
use std::sync::Arc;

/// What was examined, and what it is to be started with.
pub(super) struct Prepared {
    vetted: Vetted,
    probed: Probed,
    number: u64,
    settings: PluginOptions,
}

impl Reloading<'_> {
    /// What the fresh generation is to be started from: what the options say now, but for one that
    /// takes the place of a stuck one the settings that did before.
    fn options(&self, before: PluginOptions) -> Arc<Options> {
        let mut options = self.engine.options();
        if self.request.cause == Cause::Stuck {
            Arc::make_mut(&mut options).plugins.insert(self.plugin.to_owned(), before);
        }
        options
    }

    pub(super) async fn examine(&mut self) -> Step {
        let known = self.published(|running, _| {
            let life = running.life();
            let settings = running.settings.clone();
            (life, running.vetted.digest(), running.candidate().manifest_digest(), settings)
        });
        let (life, digest, manifest, settings) = known.ok_or_else(|| vec![self.stopped()])?;
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
            let is_same = found == digest && candidate.manifest_digest() == manifest;
            if cause == Cause::Files && is_same {
                return Ok(None);
            }
            // Only somebody who asks may try again what did not do well.
            if cause != Cause::Requested && found != digest && rejected.contains(&found) {
                let message = "these bytes were tried and did not do well";
                let hint = format!("loader plugins reload {plugin}");
                let finding = Diagnostic::error("LDR-RELOAD-REMEMBERED", message);
                return Err(vec![finding.about(&plugin).at(candidate.folder()).hint(hint)]);
            }
            let probed = survey::stage(&options, &policy, &store, &fresh, number)?;
            let settings = options.settings(&plugin);
            Ok(Some(Prepared { vetted: fresh.into_vetted(), probed, number, settings }))
        };
        let examined = tokio::task::spawn_blocking(work).await;
        let examined = examined.map_err(|ended| {
            vec![Diagnostic::panicked("the examination", ended).about(self.plugin)]
        })?;
        let Some(prepared) = examined? else { return Ok(Event::Unchanged) };
        let life = Life {
            generation: number,
            version: prepared.vetted.spec().version.to_string(),
            digest: prepared.vetted.digest().to_string(),
        };
        self.write(|reload| reload.to = Some(life));
        self.prepared = Some(prepared);
        Ok(Event::Done)
    }

    pub(super) async fn start(&mut self) -> Step {
        let prepared = self.prepared.take().expect("the table examines before it starts");
        let Prepared { vetted, probed, number, settings } = prepared;
        let digest = vetted.digest();
        match self.engine.launch(vetted, probed, number, settings).await {
            Ok(running) => {
                self.fresh = Some(running);
                Ok(Event::Done)
            }
            Err(findings) => {
                // That there is no thread for it is not the fault of the bytes.
                if findings.iter().all(|finding| finding.code != "LDR-START-THREAD") {
                    self.reject(digest);
                }
                Err(findings)
            }
        }
    }

    pub(super) async fn check(&mut self) -> Step {
        let fresh = self.fresh();
        if let Err(failure) = self.ask_health(fresh.keeper.generation()).await {
            self.reject(fresh.vetted.digest());
            let hint = "what its `ready` waits for is in the plugin's own log";
            return Err(self.failure("LDR-RELOAD-UNHEALTHY", "it is not ready", failure, hint));
        }
        let before: Option<StateDescription> =
            self.published(|running, _| running.state.clone()).flatten();
        // One that is stuck can give nothing.
        if self.request.cause == Cause::Stuck {
            if before.is_some() {
                self.note(self.begins_anew("one that is stuck cannot give its state"));
            }
            return Ok(Event::Done);
        }
        match handover::needed(before.as_ref(), fresh.state.as_ref()) {
            Ok(needed) => self.hands_over = needed,
            Err(_) if self.request.discard_state => {
                self.note(self.begins_anew("the request says to discard it"));
            }
            Err(finding) => {
                self.reject(fresh.vetted.digest());
                let place = fresh.candidate().manifest_path();
                return Err(vec![finding.about(self.plugin).at(place)]);
            }
        }
        Ok(if self.hands_over { Event::Stateful } else { Event::Done })
    }

    fn begins_anew(&self, why: &str) -> Diagnostic {
        let message = format!("the fresh generation begins without the state: {why}");
        Diagnostic::warning("LDR-RELOAD-STATE-LOST", message).about(self.plugin)
    }

    pub(super) async fn ask_health(&self, generation: &Arc<Generation>) -> Result<(), Failure> {
        let patience = self.engine.options().reload.check;
        let report = match generation.ask(operation::HEALTH, Vec::new(), patience).await {
            Ok(reply) => crate::message::from_json::<HealthReport>(&reply.body)?,
            // An older plugin that does not know the question.
            Err(failure) if failure.class == class::UNIMPLEMENTED => return Ok(()),
            Err(failure) => return Err(failure),
        };
        if report.status == HealthStatus::Fail {
            let why = if report.output.is_empty() { "it says so itself" } else { &report.output };
            return Err(Failure::new(class::UNAVAILABLE, "LDR-RELOAD-UNHEALTHY", why));
        }
        Ok(())
    }

    /// Remembers bytes that did not do well; after a change of settings those may be to blame.
    pub(super) fn reject(&self, digest: Digest) {
        if self.request.cause != Cause::Configuration {
            self.engine.reject(self.plugin, digest);
        }
    }
}

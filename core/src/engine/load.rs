//! The whole flow for one plugin: vet, stage, probe, open, start, publish.

use super::{Engine, Inner, Loaded, survey};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::Candidate,
    dispatch::Served,
    generation::{self, Keeper, Launch, LaunchError, Limits},
    registry::{Capability, PluginRecord, Status},
    vetting::Vetted,
};
use futures_util::future::join_all;
use loader_contract::lifecycle::{HostDescription, Registration};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tracing::{error, info};

/// A plugin that started and is not published yet.
struct Started {
    candidate: Candidate,
    vetted: Vetted,
    keeper: Keeper,
}

impl Engine {
    /// Discovers and loads everything that is switched on, and returns what there is to say.
    ///
    /// A plugin that fails is recorded as failed; the others are served all the same.
    pub async fn load_all(&self) -> Vec<Diagnostic> {
        let options = self.0.options.clone();
        let found = tokio::task::spawn_blocking(move || survey::find(&options)).await;
        let Ok(found) = found else { return Vec::new() };
        let mut diagnostics = self.0.take_crashes();
        diagnostics.extend(found.diagnostics);
        let (on, off): (Vec<_>, Vec<_>) = found
            .candidates
            .into_iter()
            .partition(|candidate| self.0.options.enablement.decide(candidate).enabled);
        for candidate in off {
            let record = self.0.record(&candidate, Status::Disabled);
            self.0.registry.publish(|snapshot| snapshot.put(record));
        }
        let starting = on.iter().map(|candidate| self.0.start(candidate));
        let started: Vec<_> = join_all(starting).await;
        for (candidate, started) in on.iter().zip(started) {
            match started {
                Ok(started) => diagnostics.extend(self.0.publish(started)),
                Err(findings) => diagnostics.extend(self.0.failed(candidate, findings)),
            }
        }
        diagnostics
    }

    /// Loads one plugin. Returns what there is to say; an error among it means that it is not
    /// served.
    pub async fn load(&self, candidate: &Candidate) -> Vec<Diagnostic> {
        match self.0.start(candidate).await {
            Ok(started) => self.0.publish(started),
            Err(findings) => self.0.failed(candidate, findings),
        }
    }

    /// Starts a fresh generation of a plugin and sends calls there; the old one is retired.
    ///
    /// Anything that goes wrong leaves the old generation serving.
    pub async fn replace(&self, id: &str, drain: Duration) -> Result<(), Vec<Diagnostic>> {
        let candidate = self
            .0
            .loaded()
            .iter()
            .find(|loaded| loaded.id == id)
            .map(|loaded| loaded.candidate.clone());
        let candidate = candidate.ok_or_else(|| {
            vec![
                Diagnostic::error("LDR-RELOAD-UNKNOWN", format!("no plugin `{id}` is served"))
                    .hint("loader plugins list"),
            ]
        })?;
        let started = self.0.start(&candidate).await?;
        let number = started.keeper.number();
        let digest = started.vetted.digest();
        let (old, replaced) = self.0.take_over(id, started.keeper, digest);
        if !replaced {
            self.0.retire(id, old, Duration::ZERO).await;
            return Ok(());
        }
        self.0.registry.publish(|snapshot| {
            snapshot.update(id, |record| {
                record.generation = Some(number);
                record.digest = Some(digest.to_string());
            });
        });
        self.0.retire(id, old, drain).await;
        Ok(())
    }
}

impl Inner {
    /// Everything up to a generation that answers.
    async fn start(&self, candidate: &Candidate) -> Result<Started, Vec<Diagnostic>> {
        let number = self.generation_number();
        let (vetted, probed) = {
            let options = self.options.clone();
            let store = self.store.clone();
            let examined = candidate.clone();
            let work = move || {
                survey::prepare(&options, &survey::policy(&options), &store, &examined, number)
            };
            // Nobody closes the semaphore.
            let _turn = self.examining.acquire().await;
            let examined = tokio::task::spawn_blocking(work).await;
            examined.map_err(|_| vec![internal(candidate, "the examination panicked")])??
        };
        let settings = self.options.plugins.get(candidate.id()).cloned().unwrap_or_default();
        let launched = generation::launch(Launch {
            probed,
            number,
            placement: settings.placement,
            config: Arc::new(settings.config),
            services: self.options.services.clone(),
            capabilities: Arc::new(self.dispatcher.clone()),
            description: self.description(),
            log_filter: self.options.log_filter.clone(),
            limits: Limits { start: self.options.start_timeout, stop: self.options.stop_timeout },
        })
        .await;
        let (keeper, registrations) = match launched {
            Ok(launched) => launched,
            Err(LaunchError { diagnostic, retained }) => {
                self.retained().extend(retained);
                return Err(vec![diagnostic]);
            }
        };
        if let Err(diagnostic) = check_registrations(candidate, &registrations) {
            self.retire(candidate.id(), keeper, Duration::ZERO).await;
            return Err(vec![diagnostic]);
        }
        Ok(Started { candidate: candidate.clone(), vetted, keeper })
    }

    /// Sends calls to a fresh generation and returns the one that is to retire, and whether that is
    /// the old one: it is the fresh one when the plugin was stopped meanwhile.
    fn take_over(&self, id: &str, fresh: Keeper, digest: Digest) -> (Keeper, bool) {
        let mut all = self.loaded();
        let Some(loaded) = all.iter_mut().find(|loaded| loaded.id == id) else {
            return (fresh, false);
        };
        loaded.served.serve(Some(fresh.generation().clone()));
        loaded.digest = digest;
        (std::mem::replace(&mut loaded.keeper, fresh), true)
    }

    fn description(&self) -> HostDescription {
        HostDescription {
            abi: loader_abi::ABI_VERSION_TEXT.to_owned(),
            host: self.options.host.clone(),
            services: self.options.services.names().map(str::to_owned).collect(),
            contracts: self.options.contracts.clone(),
        }
    }

    /// Puts a started plugin into the registry. From here on it is called.
    fn publish(&self, started: Started) -> Vec<Diagnostic> {
        let Started { candidate, vetted, keeper } = started;
        let id = candidate.id().to_owned();
        let settings = self.options.plugins.get(&id).cloned().unwrap_or_default();
        let served = Arc::new(Served::new(id.as_str().into(), settings.calls));
        served.serve(Some(keeper.generation().clone()));
        let mut record = self.record(&candidate, Status::Served);
        record.digest = Some(vetted.digest().to_string());
        record.placement = Some(settings.placement);
        record.generation = Some(keeper.number());
        record.served = Some(served.clone());
        record.diagnostics = vetted.warnings().to_vec();
        let diagnostics = self.registry.publish(|snapshot| {
            for provided in &candidate.spec().provides {
                let contract = provided.contract.to_string();
                let capability = Capability {
                    contract: contract.clone(),
                    id: provided.id.clone(),
                    plugin: id.clone(),
                    attributes: provided.attributes.clone(),
                    served: served.clone(),
                };
                if let Err(owner) = snapshot.provide(capability) {
                    let conflict = Diagnostic::warning(
                        "LDR-REGISTER-CONFLICT",
                        format!(
                            "`{contract}` as `{}` is provided by `{owner}` already, which keeps it",
                            provided.id
                        ),
                    );
                    record.diagnostics.push(
                        conflict
                            .at(candidate.manifest_path())
                            .about(&id)
                            .hint(format!("switch one off: plugins.deny = [\"{owner}\"]")),
                    );
                }
            }
            let diagnostics = record.diagnostics.clone();
            snapshot.put(record);
            diagnostics
        });
        info!(plugin = id, version = %candidate.spec().version, generation = keeper.number(),
            placement = settings.placement.name(), "plugin loaded");
        let digest = vetted.digest();
        self.loaded().push(Loaded { id, keeper, served, candidate, digest });
        diagnostics
    }

    fn failed(&self, candidate: &Candidate, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        for finding in &findings {
            error!(plugin = candidate.id(), code = finding.code, "{finding}");
        }
        let mut record = self.record(candidate, Status::Failed);
        record.diagnostics = findings.clone();
        self.registry.publish(|snapshot| snapshot.put(record));
        findings
    }

    fn record(&self, candidate: &Candidate, status: Status) -> PluginRecord {
        let spec = candidate.spec();
        let provides = spec.provides.iter();
        PluginRecord {
            id: spec.id.clone(),
            version: spec.version.to_string(),
            description: spec.description.clone().unwrap_or_default(),
            origin: candidate.origin(),
            folder: candidate.folder().to_owned(),
            digest: None,
            status,
            placement: None,
            generation: None,
            provides: provides.map(|one| format!("{}:{}", one.contract, one.id)).collect(),
            diagnostics: Vec::new(),
            served: None,
        }
    }
}

/// What a plugin registers must be what its manifest says.
fn check_registrations(
    candidate: &Candidate,
    registrations: &[Registration],
) -> Result<(), Diagnostic> {
    let declared = candidate.spec().provides.iter();
    let declared: BTreeSet<String> =
        declared.map(|one| format!("{}:{}", one.contract, one.id)).collect();
    let registered = registrations.iter();
    let registered: BTreeSet<String> =
        registered.map(|one| format!("{}:{}", one.contract, one.id)).collect();
    let refuse = |code, message: String| {
        Diagnostic::error(code, message)
            .at(candidate.manifest_path())
            .about(candidate.id())
            .hint("make [provides] in plugin.toml and export_plugin! say the same")
    };
    if let Some(extra) = registered.difference(&declared).next() {
        let message = format!("it registers `{extra}`, which its manifest does not declare");
        return Err(refuse("LDR-REGISTER-UNDECLARED", message));
    }
    if let Some(missing) = declared.difference(&registered).next() {
        let message = format!("its manifest declares `{missing}`, which it does not register");
        return Err(refuse("LDR-REGISTER-MISSING", message));
    }
    Ok(())
}

fn internal(candidate: &Candidate, message: &str) -> Diagnostic {
    Diagnostic::error("LDR-INTERNAL", message).about(candidate.id())
}

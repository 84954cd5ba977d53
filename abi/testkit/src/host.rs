//! A host in a test.

use crate::{
    Captured, Loaded,
    captured::{Answering, Overridden, Watched},
    fake::{self, Web},
};
use loader_contract::catalogue;
use loader_core::{
    BreakerPolicy, CallPolicy, Contracts, Engine, Options, PluginOptions, Terms,
    diagnostic::Diagnostic,
    discovery::{Candidate, Origin, Root},
    message::{Failure, Reply},
    nearest::nearest,
    service::{Service, ServiceRequest, Services},
    services::{EventBus, SecretBytes, clock, config, events, kv, secrets},
};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

type Override = (String, String, Arc<Answering>);

/// What a plugin finds around it in a test. By default there is no configuration, no secret and no
/// network; the store, the clock and events are real; models, tools, speech and channels of others
/// answer something simple.
pub struct Host {
    config: Value,
    secrets: BTreeMap<String, SecretBytes>,
    web: Web,
    overrides: Vec<Override>,
    patience: Duration,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            config: Value::Object(serde_json::Map::new()),
            secrets: BTreeMap::new(),
            web: Web::default(),
            overrides: Vec::new(),
            patience: Duration::from_secs(5),
        }
    }
}

impl Host {
    /// A host without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// The plugin's configuration.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// A secret that the plugin may fetch.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned().into());
        self
    }

    /// What an address answers; every other one cannot be reached.
    #[must_use]
    pub fn fetches(mut self, url: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.web.0.insert(url.to_owned(), (status, body.into()));
        self
    }

    /// What a service or contract of the host's answers to one method. Opened, it answers with a head and
    /// the same as `data`. A service that there is not keeps the plugin from being loaded.
    #[must_use]
    pub fn answers<A: Serialize>(
        mut self,
        service: &str,
        method: &str,
        answer: impl Fn(Value) -> Result<A, Failure> + Send + Sync + 'static,
    ) -> Self {
        let answer = move |request: &ServiceRequest| {
            Reply::json(&answer(loader_core::message::from_json(&request.body)?)?)
        };
        self.overrides.push((service.to_owned(), method.to_owned(), Arc::new(answer)));
        self
    }

    /// How long the plugin may take to start, to stop, and to answer. Five seconds unless said.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Loads the plugin of a folder, or the one beside a manifest or a library. Must be called within
    /// a tokio runtime.
    pub async fn load(self, path: impl AsRef<Path>) -> Result<Loaded, Diagnostic> {
        let subject = crate::subject::find(path.as_ref())?;
        let first = subject.candidates.into_iter().next();
        let candidate = first.expect("a subject has a plugin");
        self.start(&candidate).await.map_err(|mut refusals| refusals.swap_remove(0))
    }

    /// Loads this one. There is at least one error where it does not start.
    pub(crate) async fn start(self, candidate: &Candidate) -> Result<Loaded, Vec<Diagnostic>> {
        let folder = tempfile::Builder::new().prefix("loader-testkit-").tempdir();
        let folder = folder.map_err(|error| vec![no_folder(&error.to_string())])?;
        let captured = Captured::new();
        let events = EventBus::new();
        let patience = self.patience;
        let config = self.config.clone();
        let services = self
            .services(candidate.id(), &folder, &captured, &events)
            .map_err(|refusal| vec![refusal])?;
        let root =
            Root { path: candidate.folder().to_owned(), origin: Origin::Config, required: true };
        let mut options = Options::new(folder.path().to_owned(), vec![root]);
        options.services = services;
        options.contracts = contracts();
        options.host = concat!("loader-testkit ", env!("CARGO_PKG_VERSION")).to_owned();
        options.start_timeout = patience;
        options.stop_timeout = patience;
        options.reload.canary.window = Duration::ZERO;
        options.reload.check = patience;
        options.reload.drain = patience;
        let plugin = PluginOptions {
            // Every failure is looked at, however many came before.
            calls: CallPolicy {
                timeout: patience,
                breaker: BreakerPolicy { failures: 0, ..BreakerPolicy::default() },
                ..CallPolicy::default()
            },
            config,
            ..PluginOptions::default()
        };
        options.plugins.insert(candidate.id().to_owned(), plugin);
        let engine = Engine::new(options).map_err(|refusal| vec![refusal])?;
        let findings = engine.load(candidate).await;
        let (errors, _): (Vec<_>, Vec<_>) = findings.into_iter().partition(Diagnostic::is_error);
        let loaded = Loaded {
            engine,
            plugin: candidate.id().to_owned(),
            captured,
            events,
            patience,
            _folder: folder,
        };
        match errors.is_empty() {
            true => Ok(loaded),
            false => Err(errors),
        }
    }

    fn services(
        self,
        plugin: &str,
        folder: &TempDir,
        captured: &Captured,
        bus: &EventBus,
    ) -> Result<Services, Diagnostic> {
        let names: Vec<String> = self.secrets.keys().cloned().collect();
        let vault = secrets::Secrets::new(Arc::new(self.secrets));
        vault.allow(plugin, names);
        let store = kv::KeyValue::open(&folder.path().join("plugins.redb"))
            .map_err(|failure| no_folder(&failure.message))?;
        let mut all = fake::all();
        all.extend([
            Arc::new(clock::Clock::new()) as Arc<dyn Service>,
            Arc::new(config::Config),
            Arc::new(vault),
            Arc::new(store),
            Arc::new(events::Events::new(bus.clone())),
            Arc::new(self.web),
        ]);
        for (service, method, answer) in self.overrides {
            let Some(place) = all.iter_mut().find(|one| one.name() == service) else {
                return Err(no_service(&service, all.iter().map(|one| one.name())));
            };
            *place = Arc::new(Overridden { inner: place.clone(), method, answer });
        }
        let watched = all.into_iter().map(|inner| {
            Arc::new(Watched { inner, captured: captured.clone() }) as Arc<dyn Service>
        });
        Ok(Services::new(watched))
    }
}

/// The services that there are in a test.
pub(crate) fn service_names() -> Vec<String> {
    use loader_contract::service;
    let real = [
        service::clock::SERVICE,
        service::config::SERVICE,
        service::secrets::SERVICE,
        service::kv::SERVICE,
        service::events::SERVICE,
        service::http_client::SERVICE,
    ];
    let fakes = fake::all().into_iter().map(|one| one.name().to_owned());
    real.into_iter().map(str::to_owned).chain(fakes).collect()
}

fn no_service<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let known: Vec<&str> = known.collect();
    let message =
        format!("the test answers for `{}`, which the host does not serve", name.escape_debug());
    Diagnostic::error("LDR-TEST-SERVICE", message).hint(
        match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("name one of {}", known.join(", ")),
        },
    )
}

fn no_folder(reason: &str) -> Diagnostic {
    Diagnostic::error(
        "LDR-TEST-FOLDER",
        format!("there is no place for the plugin's state: {reason}"),
    )
    .hint("see that the folder for temporary files (TMPDIR) can be written to")
}

/// The contracts that are consumed: those of the catalogue, on the gateway's terms.
fn contracts() -> Contracts {
    let named = catalogue::ALL.iter().filter_map(|contract| {
        let (name, _) = contract.name.split_once('/')?;
        Some((name.to_owned(), Terms::from(*contract)))
    });
    named.collect()
}

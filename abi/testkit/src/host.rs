//! A host in a test.

use crate::{
    Captured, Loaded,
    advice::advise,
    captured::{Answering, Overridden, Watched},
    fake::{self, Answered, Web},
    served,
};
use loader_contract::catalogue::{self, Verb};
use loader_core::{
    BreakerPolicy, CallPolicy, Contracts, Engine, Options, PluginOptions, Terms,
    diagnostic::Diagnostic,
    discovery::{Candidate, Origin, Root},
    message::{Failure, Message, Reply, from_json},
    service::{Service, ServiceRequest, Services},
    services::{EventBus, SecretBytes, clock, config, events, kv, secrets},
};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

/// A test's own answer to a method of a service.
struct Override {
    service: String,
    method: String,
    answer: Answering,
}

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

    /// A secret. The plugin may fetch it where the gateway would let it: where its configuration, a default
    /// of its schema or an account that it is told to connect names it, as `secret:<name>`.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned().into());
        self
    }

    /// What an address answers; every other one cannot be reached.
    #[must_use]
    pub fn fetches(self, url: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.fetches_with(url, status, &[], body)
    }

    /// The same with headers: their names, in lower case, and values.
    #[must_use]
    pub fn fetches_with(
        mut self,
        url: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let answered = Answered { status, headers: headers.collect(), body: body.into() };
        self.web.0.insert(url.to_owned(), answered);
        self
    }

    /// What a service or contract of the host's answers to one method that is called. A method that the
    /// host does not serve, or that has the form of a stream, keeps the plugin from being loaded.
    #[must_use]
    pub fn answers<A: Serialize>(
        mut self,
        service: &str,
        method: &str,
        answer: impl Fn(Value) -> Result<A, Failure> + Send + Sync + 'static,
    ) -> Self {
        let answer =
            move |request: &ServiceRequest| Reply::json(&answer(from_json(&request.body)?)?);
        self.overrides.push(Override {
            service: service.to_owned(),
            method: method.to_owned(),
            answer: Answering::Whole(Arc::new(answer)),
        });
        self
    }

    /// The same of a method that has the form of a stream: its messages, of which the first is the head.
    #[must_use]
    pub fn answers_stream(
        mut self,
        service: &str,
        method: &str,
        answer: impl Fn(Value) -> Result<Vec<Message>, Failure> + Send + Sync + 'static,
    ) -> Self {
        let answer = move |request: &ServiceRequest| answer(from_json(&request.body)?);
        self.overrides.push(Override {
            service: service.to_owned(),
            method: method.to_owned(),
            answer: Answering::Stream(Arc::new(answer)),
        });
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
        let captured = Captured::new(self.patience);
        let events = EventBus::new();
        let patience = self.patience;
        let config = self.config.clone();
        let vault = Arc::new(self.vault(candidate));
        let services = self
            .services(candidate, &folder, &vault, &captured, &events)
            .map_err(|refusal| vec![refusal])?;
        let root =
            Root { path: candidate.folder().to_owned(), origin: Origin::Config, required: true };
        let mut options = Options::new(folder.path().to_owned(), vec![root]);
        options.services = services;
        options.contracts = contracts();
        options.advise = Some(advise);
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
            vault,
            events,
            patience,
            _folder: folder,
        };
        match errors.is_empty() {
            true => Ok(loaded),
            false => Err(errors),
        }
    }

    /// The secrets, for whom the gateway would give them to.
    fn vault(&self, candidate: &Candidate) -> secrets::Secrets {
        let vault = secrets::Secrets::new(Arc::new(self.secrets.clone()));
        vault.allow(candidate.id(), secrets::by_default(candidate));
        vault
    }

    fn services(
        self,
        candidate: &Candidate,
        folder: &TempDir,
        vault: &Arc<secrets::Secrets>,
        captured: &Captured,
        bus: &EventBus,
    ) -> Result<Services, Diagnostic> {
        let store = kv::KeyValue::open(&folder.path().join("plugins.redb"))
            .map_err(|failure| no_folder(&failure.message))?;
        let mut all = fake::all(candidate);
        all.extend([
            Arc::new(clock::Clock::new()) as Arc<dyn Service>,
            Arc::new(config::Config),
            vault.clone(),
            Arc::new(store),
            Arc::new(events::Events::new(bus.clone())),
            Arc::new(self.web),
        ]);
        for Override { service, method, answer } in self.overrides {
            let verb = match answer {
                Answering::Whole(_) => Verb::Call,
                Answering::Stream(_) => Verb::Open,
            };
            served::require(&service, &method, verb)?;
            if let Some(place) = all.iter_mut().find(|one| one.name() == service) {
                *place = Arc::new(Overridden { inner: place.clone(), method, answer });
            }
        }
        let watched = all.into_iter().map(|inner| {
            Arc::new(Watched { inner, captured: captured.clone() }) as Arc<dyn Service>
        });
        Ok(Services::new(watched))
    }
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

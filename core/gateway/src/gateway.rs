//! Puts the gateway together: configuration, engine, services, consumers.

use crate::{
    AccountView, EventStream, GatewayHealth, GatewayStatus, ListedModel, Route,
    channels::{Channels, Inbox},
    config::{self, Config},
    conversation::Conversations,
    difference, health, inference, models, reconnection,
    routes::Routes,
    secrets, status,
};
use arc_swap::ArcSwap;
use loader_contract::text_inference::{GenerateRequest, GenerateResponse};
use loader_contract::{channel, health as health_contract, http_route, text_inference};
use loader_core::{
    BreakerPolicy, CallOptions, CallPolicy, Enablement, Engine, LogFilter, Options, Placement,
    PluginOptions, ReloadOptions, Retirement, Survey,
    crash::Crash,
    diagnostic::Diagnostic,
    discovery::{Root, discover},
    message::Failure,
    probe::Probe,
    reload::CanaryPolicy,
    service::{Service, Services},
    services::{EventBus, SecretSource, Standard, StandardServices, secrets::Secrets},
    staging::Store,
    trust::{Publisher, Signatures, Trust, Untracked},
    vetting::Policy,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Everything a gateway is started from.
#[derive(Clone)]
pub struct Settings {
    /// The configuration.
    pub config: Config,
    /// Where state is kept: the private copies of libraries, the key-value store.
    pub state_dir: PathBuf,
    /// Where plugins are looked for, in order of precedence.
    pub roots: Vec<Root>,
    /// The build of the program, if it may remember what it found in libraries.
    pub index: Option<String>,
    /// Where secrets come from.
    pub secrets: Arc<dyn SecretSource>,
    /// The program and its version.
    pub host: String,
    /// Says which logs of plugins are wanted.
    pub log_filter: Option<LogFilter>,
    /// How libraries are tried before they are opened.
    pub probe: Option<Probe>,
    /// What is done about crashes.
    pub crash: Option<Crash>,
}

/// A running gateway.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: ArcSwap<Config>,
    /// Where plugins are looked for.
    pub(crate) roots: Vec<Root>,
    host: String,
    pub(crate) engine: Engine,
    events: EventBus,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) channels: Arc<Channels>,
    pub(crate) conversations: Conversations,
    routes: Routes,
    /// What lets one change of the configuration follow another.
    pub(crate) applying: tokio::sync::Mutex<()>,
}

/// The names of the services a gateway offers, which is what vetting needs to know of them.
const SERVICE_NAMES: [&str; 9] = [
    "clock/1",
    "config/1",
    "secrets/1",
    "kv/1",
    "events/1",
    "http-client/1",
    "net/1",
    "websocket/1",
    channel::INBOX,
];

/// What would be loaded, and why. Blocking; runs no plugin code and opens no store.
pub fn survey(settings: &Settings) -> Survey {
    loader_core::survey(&looking(settings))
}

/// The same, and everything else that is done before a plugin is opened. Trials are left out unless
/// the settings say how libraries are tried. Blocking.
pub fn rehearse(settings: &Settings, store: &Store) -> Survey {
    loader_core::rehearse(&looking(settings), store)
}

/// What plugins must satisfy to be loaded. Blocking; opens no store.
pub fn policy(settings: &Settings) -> Policy {
    loader_core::policy(&looking(settings))
}

/// The engine's options for one that only looks.
fn looking(settings: &Settings) -> Options {
    struct Named(&'static str);
    impl Service for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn call(
            &self,
            request: loader_core::service::ServiceRequest,
        ) -> loader_core::service::Answer {
            loader_core::service::Answer::unimplemented(self.0, &request.method)
        }
    }
    let services = SERVICE_NAMES.map(|name| Arc::new(Named(name)) as Arc<dyn Service>);
    engine_options(settings, Services::new(services))
}

/// The engine's options that follow from the settings.
pub(crate) fn engine_options(settings: &Settings, services: Services) -> Options {
    let config = &settings.config;
    let plugins = &config.plugins;
    let mut options = Options::new(settings.state_dir.clone(), settings.roots.clone());
    options.enablement = Enablement {
        none: !plugins.enabled,
        allow: plugins.allow.iter().cloned().collect(),
        deny: plugins.deny.iter().cloned().collect(),
        slots: plugins.slots.clone(),
        entries: switched(&plugins.entries),
    };
    options.plugins =
        plugins.entries.iter().map(|(id, entry)| (id.clone(), plugin_options(entry))).collect();
    options.reload = reload(&plugins.reload);
    options.trust = trust(&plugins.trust);
    options.index.clone_from(&settings.index);
    options.probe.clone_from(&settings.probe);
    options.crash = settings.crash;
    options.services = services;
    options.contracts = contracts();
    options.host.clone_from(&settings.host);
    options.log_filter.clone_from(&settings.log_filter);
    options
}

/// The engine's words for how plugins are replaced.
fn reload(config: &config::Reload) -> ReloadOptions {
    ReloadOptions {
        canary: CanaryPolicy {
            window: Duration::from_millis(config.window_ms),
            failures: config.failures,
            slowdown: config.slowdown,
        },
        check: Duration::from_millis(config.check_ms),
        hold: Duration::from_millis(config.hold_ms),
        drain: Duration::from_millis(config.drain_ms),
        most_retained: config.max_retained as usize,
    }
}

/// The contracts the gateway consumes: the lowest and highest major version of each.
pub fn contracts() -> BTreeMap<String, (u32, u32)> {
    let contracts = [
        text_inference::CONTRACT,
        channel::CONTRACT,
        http_route::CONTRACT,
        health_contract::CONTRACT,
    ];
    let named = contracts.into_iter().filter_map(|contract| contract.split_once('/'));
    let versions = named.filter_map(|(name, major)| {
        let major = major.parse().ok()?;
        Some((name.to_owned(), (major, major)))
    });
    versions.collect()
}

/// The plugins whose entries switch them on or off.
fn switched(entries: &BTreeMap<String, config::PluginEntry>) -> BTreeMap<String, bool> {
    let named = entries.iter().filter_map(|(id, entry)| Some((id.clone(), entry.enabled?)));
    named.collect()
}

/// The engine's words for the operator's trust.
fn trust(config: &config::Trust) -> Trust {
    let signatures = |wanted| match wanted {
        config::Signatures::Optional => Signatures::Optional,
        config::Signatures::Required => Signatures::Required,
    };
    let publisher = |(name, one): (&String, &config::Publisher)| {
        let publisher = Publisher {
            keys: one.keys.clone(),
            plugins: one.plugins.clone(),
            signatures: signatures(one.signatures),
        };
        (name.clone(), publisher)
    };
    // The schema has refused everything that is no digest.
    let denied = config.denied.iter().filter_map(|digest| digest.parse().ok());
    Trust {
        check_permissions: true,
        owners: config.owners.iter().copied().collect(),
        libraries: config.libraries.iter().cloned().collect(),
        signatures: signatures(config.signatures),
        publishers: config.publishers.iter().map(publisher).collect(),
        denied: denied.map(|digest| (digest, "plugins.trust.denied".to_owned())).collect(),
        untracked: match config.untracked {
            config::Untracked::Warn => Untracked::Warn,
            config::Untracked::Refuse => Untracked::Refuse,
        },
    }
}

/// Why the services could not be opened, by the cause's own code.
fn not_opened(failure: Failure, kv_path: &Path) -> Diagnostic {
    const CODES: [&str; 4] =
        ["LDR-KV-OPEN", "LDR-TLS-AUTHORITIES", "LDR-TLS-SETUP", "LDR-HTTP-SETUP"];
    let code = CODES.into_iter().find(|code| *code == failure.code).unwrap_or("LDR-INTERNAL");
    let finding = Diagnostic::error(code, failure.message).hint(failure.hint);
    if code == "LDR-KV-OPEN" { finding.at(kv_path) } else { finding }
}

fn plugin_options(entry: &config::PluginEntry) -> PluginOptions {
    let placement = match entry.placement {
        config::Placement::Thread => Placement::Thread { threads: entry.threads as usize },
        config::Placement::Inline => Placement::Inline,
    };
    PluginOptions {
        placement,
        calls: CallPolicy {
            max_concurrent: entry.max_concurrent_calls as usize,
            timeout: Duration::from_millis(entry.call_timeout_ms),
            breaker: BreakerPolicy {
                failures: entry.breaker.failures,
                cooldown: Duration::from_millis(entry.breaker.cooldown_ms),
            },
        },
        config: serde_json::to_value(&entry.config).unwrap_or_default(),
    }
}

impl Gateway {
    /// Loads every plugin that is switched on and connects the channels' accounts.
    ///
    /// A plugin that fails does not stop the gateway: it is among the diagnostics.
    pub async fn start(settings: Settings) -> Result<(Self, Vec<Diagnostic>), Diagnostic> {
        let kv_path = settings.state_dir.join("plugins.redb");
        let standard = Standard {
            kv_path: kv_path.clone(),
            secrets: settings.secrets.clone(),
            user_agent: settings.host.replace(' ', "/"),
            authorities: None,
        };
        let opened = tokio::task::spawn_blocking(move || standard.open()).await;
        let opened = opened.unwrap_or_else(|_| {
            Err(Failure::new(
                loader_abi::class::INTERNAL,
                "LDR-INTERNAL",
                "opening the store panicked",
            ))
        });
        let StandardServices { services, events, secrets } =
            opened.map_err(|failure| not_opened(failure, &kv_path))?;
        let channels = Arc::new(Channels::new(events.clone()));
        let inbox: Arc<dyn Service> = Arc::new(Inbox(channels.clone()));
        let services = services.with([inbox]);
        let engine = Engine::new(engine_options(&settings, services))?;
        let roots = settings.roots.clone();
        let by_default = move || secrets::by_default(&discover(&roots).candidates);
        let by_default = tokio::task::spawn_blocking(by_default).await.unwrap_or_default();
        let permit = || {
            let permitted = secrets::permitted(&by_default, &engine.snapshot(), &settings.config);
            secrets.replace(settings.secrets.clone(), permitted);
        };
        permit();
        let mut diagnostics = engine.load_all().await;
        if settings.config.plugins.reload.watch {
            let following = engine.clone();
            let followed = tokio::task::spawn_blocking(move || following.follow()).await;
            diagnostics.extend(followed.ok().and_then(Result::err));
        }
        permit();
        let conversations = Conversations::new(engine.clone(), &settings.config);
        channels.begin(&engine, conversations.clone());
        for ((channel, account), own) in difference::connected(&settings.config) {
            channels.connect(&engine, channel, account, own).await;
        }
        let inner = Inner {
            config: ArcSwap::from_pointee(settings.config),
            roots: settings.roots,
            host: settings.host,
            engine,
            events,
            secrets,
            channels,
            conversations,
            routes: Routes::default(),
            applying: tokio::sync::Mutex::default(),
        };
        let inner = Arc::new(inner);
        reconnection::follow(&inner);
        Ok((Self(inner), diagnostics))
    }

    /// The engine below.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The configuration that is in effect.
    pub fn config(&self) -> Arc<Config> {
        self.0.config.load_full()
    }

    /// The bus that plugins and the gateway tell each other events on.
    pub fn events(&self) -> &EventBus {
        &self.0.events
    }

    /// Every model of every provider.
    pub async fn models(&self) -> Vec<ListedModel> {
        models::list(&self.0.engine).await
    }

    /// Asks a model, named `<provider>/<model>`, for a whole answer.
    pub async fn generate(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> Result<GenerateResponse, Failure> {
        let config = self.config();
        let model = or_default(&config, model);
        inference::generate(&self.0.engine, options, model, request, idle(&config)).await
    }

    /// Asks a model for an answer piece by piece.
    pub async fn stream(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> Result<EventStream, Failure> {
        let config = self.config();
        let model = or_default(&config, model);
        inference::stream(&self.0.engine, options, model, request, idle(&config)).await
    }

    /// The plugin that answers a canonical path.
    pub fn route(&self, path: &str) -> Option<Route> {
        self.0.routes.find(&self.0.engine, path)
    }

    /// How the gateway and its plugins are.
    pub async fn health(&self) -> GatewayHealth {
        health::check(&self.0.engine, &self.0.host).await
    }

    /// How the gateway and its plugins are doing, without asking them.
    pub fn status(&self) -> GatewayStatus {
        status::of(&self.0.engine, &self.0.host, self.accounts())
    }

    /// How the channels' accounts are.
    pub fn accounts(&self) -> Vec<AccountView> {
        self.0.channels.accounts()
    }

    /// Disconnects the accounts and stops every plugin, the last loaded first.
    pub async fn stop(&self, drain: Duration) -> Vec<(String, Retirement)> {
        let goodbye = self.0.channels.disconnect(&self.0.engine);
        let _ = tokio::time::timeout(drain.max(Duration::from_secs(1)), goodbye).await;
        let outcomes = self.0.engine.stop(drain).await;
        self.0.channels.end();
        outcomes
    }
}

/// How long an answer may stand still.
fn idle(config: &Config) -> Duration {
    Duration::from_millis(config.gateway.request_timeout_ms)
}

fn or_default<'a>(config: &'a Config, model: &'a str) -> &'a str {
    if model.is_empty() { &config.models.default } else { model }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_keeps_the_services_from_opening_is_named() {
        let folder = std::env::temp_dir();
        let settings = |host: &str, state_dir: PathBuf| Settings {
            config: Config::default(),
            state_dir,
            roots: Vec::new(),
            index: None,
            secrets: Arc::new(BTreeMap::<String, loader_core::services::SecretBytes>::new()),
            host: host.to_owned(),
            log_filter: None,
            probe: None,
            crash: None,
        };
        let code =
            async |settings| Gateway::start(settings).await.map(|_| ()).map_err(|it| it.code);
        let nowhere = settings("loader 0", folder.join("there-is-no-such-folder"));
        assert_eq!(code(nowhere).await, Err("LDR-KV-OPEN"));
        let state = tempfile::tempdir().expect("a folder");
        let garbled = settings("loader\n0", state.path().to_owned());
        assert_eq!(code(garbled).await, Err("LDR-HTTP-SETUP"));
    }
}

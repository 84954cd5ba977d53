//! Puts the gateway together: configuration, engine, services, consumers.

use crate::{
    AccountView, EventStream, GatewayHealth, GatewayStatus, ListedModel, Route,
    background::Background,
    channels::{Channels, Inbox, Sending},
    chat_commands::ChatCommands,
    cli_commands::CliCommands,
    config::Config,
    conversation::Conversations,
    desk::Desk,
    difference, health,
    hooks::Hooks,
    inference::Inference,
    reconnection::{self, Generations},
    routes::Routes,
    secrets::Permissions,
    speech::Speech,
    status,
    tasks::Tasks,
    tools::Tools,
    translation::{engine_options, not_opened},
    web_fetch::WebFetch,
};
use loader_contract::text_inference::{GenerateRequest, GenerateResponse};
use loader_core::{
    CallOptions, Engine, LogFilter, Retirement,
    crash::Crash,
    diagnostic::Diagnostic,
    discovery::Root,
    message::Failure,
    probe::Probe,
    service::Service,
    services::{EventBus, SecretSource, Standard, StandardServices},
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

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
    /// Whether every plugin waits for the first call to it: for one who asks for little and goes.
    pub on_demand: bool,
}

/// What each goodbye is granted, however little time is left.
pub(crate) const MOMENT: Duration = Duration::from_secs(1);

/// A running gateway.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) desk: Arc<Desk>,
    inference: Inference,
    pub(crate) hooks: Hooks,
    /// Where plugins are looked for.
    pub(crate) roots: Vec<Root>,
    host: String,
    pub(crate) engine: Engine,
    events: EventBus,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) channels: Arc<Channels>,
    pub(crate) conversations: Conversations,
    background: Background,
    pub(crate) tasks: Tasks,
    routes: Routes,
    /// What lets one change of the configuration follow another.
    pub(crate) applying: tokio::sync::Mutex<()>,
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
        let opened = opened.map_err(|ended| Diagnostic::panicked("opening the services", ended))?;
        let StandardServices { services, events, secrets } =
            opened.map_err(|failure| not_opened(failure, &kv_path))?;
        let channels = Arc::new(Channels::new(events.clone()));
        let desk = Arc::new(Desk::new(settings.config.clone()));
        let hooks = Hooks::new(desk.clone());
        let tools = Tools::new(desk.clone(), hooks.clone());
        let inference = Inference::new(desk.clone(), hooks.clone(), tools.clone());
        let chat_commands = ChatCommands::new(desk.clone());
        let (background, tasks) = (Background::new(desk.clone()), Tasks::new(desk.clone()));
        let own: [Arc<dyn Service>; 11] = [
            Arc::new(Inbox(channels.clone())),
            Arc::new(Sending::new(channels.clone(), desk.clone())),
            Arc::new(inference.clone()),
            Arc::new(hooks.clone()),
            Arc::new(tools),
            Arc::new(Speech::new(desk.clone())),
            Arc::new(WebFetch::new(desk.clone())),
            Arc::new(chat_commands.clone()),
            Arc::new(CliCommands::new(desk.clone())),
            Arc::new(background.clone()),
            Arc::new(tasks.clone()),
        ];
        let services = services.with(own);
        let permissions = Arc::new(Permissions::new(secrets, settings.secrets.clone()));
        let mut options = engine_options(&settings, services);
        let expecting = permissions.clone();
        options.before_start = Some(Arc::new(move |candidate| expecting.expect(candidate)));
        let engine = Engine::new(options)?;
        desk.open(engine.clone());
        let mut diagnostics = engine.load_all().await;
        if settings.config.plugins.reload.watch {
            let following = engine.clone();
            let followed = tokio::task::spawn_blocking(move || following.follow()).await;
            let followed = followed
                .unwrap_or_else(|ended| Err(Diagnostic::panicked("following the files", ended)));
            diagnostics.extend(followed.err());
        }
        permissions.renew(&engine.snapshot(), &settings.config);
        let conversations = Conversations::new(
            engine.clone(),
            inference.clone(),
            hooks.clone(),
            chat_commands,
            &settings.config,
        );
        channels.begin(&engine, conversations.clone());
        // A channel may be opened, or replaced, while others connect.
        let connected = Generations::of(&engine.snapshot());
        for ((channel, account), own) in difference::connected(&settings.config) {
            // One that is opened later is connected when its generation appears.
            if !reconnection::is_awaited(&engine, channel) {
                channels.connect(&engine, channel, account, own).await;
            }
        }
        let inner = Inner {
            desk,
            inference,
            hooks,
            roots: settings.roots,
            host: settings.host,
            engine,
            events,
            permissions,
            channels,
            conversations,
            background,
            tasks,
            routes: Routes::default(),
            applying: tokio::sync::Mutex::default(),
        };
        let inner = Arc::new(inner);
        reconnection::follow(&inner, connected);
        Ok((Self(inner), diagnostics))
    }

    /// The engine below.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The configuration that is in effect.
    pub fn config(&self) -> Arc<Config> {
        self.0.desk.config()
    }

    /// The bus that plugins and the gateway tell each other events on.
    pub fn events(&self) -> &EventBus {
        &self.0.events
    }

    /// Every model of every provider.
    pub async fn models(&self) -> Result<Vec<ListedModel>, Failure> {
        self.0.inference.models().await
    }

    /// Asks a model, named `<provider>/<model>`, for a whole answer.
    pub async fn generate(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> Result<GenerateResponse, Failure> {
        self.0.inference.generate(options, model, request).await
    }

    /// Asks a model for an answer piece by piece.
    pub async fn stream(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> Result<EventStream, Failure> {
        self.0.inference.stream(options, model, request).await
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

    /// The program serves its clients: whoever waited for that begins. Plugins that asked to be opened late
    /// are, and nobody waits for them. Background services are started, one after another, and then time
    /// counts for scheduled tasks. Returns when that is done.
    pub async fn listening(&self) {
        let engine = self.0.engine.clone();
        tokio::spawn(async move { engine.open_deferred().await });
        let inner = self.0.clone();
        tokio::spawn(async move { inner.hooks.gateway_started(&inner.host).await });
        self.0.background.begin().await;
        self.0.tasks.begin();
    }

    /// The program is about to stop serving its clients: whoever wants to know hears of it while
    /// everything still goes on. A [`stop`](Self::stop) without it does this first.
    pub async fn stopping(&self) {
        self.0.hooks.gateway_stopping(&self.0.host).await;
    }

    /// Waits for scheduled tasks and for answers in chats under way, disconnects the accounts, stops the
    /// background services and then every plugin, the last loaded first. All of it together may take so
    /// long, and a moment for each goodbye.
    pub async fn stop(&self, drain: Duration) -> Vec<(String, Retirement)> {
        let asked = Instant::now();
        let left = || drain.saturating_sub(asked.elapsed());
        let _ = timeout(left().max(MOMENT), self.stopping()).await;
        self.0.tasks.end(left()).await;
        let _ = timeout(left().max(MOMENT), self.0.conversations.close()).await;
        let goodbye = self.0.channels.disconnect(&self.0.engine);
        let _ = timeout(left().max(MOMENT), goodbye).await;
        self.0.background.end(left()).await;
        let outcomes = self.0.engine.stop(left()).await;
        self.0.desk.close();
        self.0.channels.end();
        self.0.conversations.end().await;
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn settings(host: &str, state_dir: PathBuf) -> Settings {
        Settings {
            config: Config::default(),
            state_dir,
            roots: Vec::new(),
            index: None,
            secrets: Arc::new(BTreeMap::<String, loader_core::services::SecretBytes>::new()),
            host: host.to_owned(),
            log_filter: None,
            probe: None,
            crash: None,
            on_demand: false,
        }
    }

    #[tokio::test]
    async fn what_keeps_the_services_from_opening_is_named() {
        let folder = std::env::temp_dir();
        let code =
            async |settings| Gateway::start(settings).await.map(|_| ()).map_err(|it| it.code);
        let nowhere = settings("loader 0", folder.join("there-is-no-such-folder"));
        assert_eq!(code(nowhere).await, Err("LDR-KV-OPEN"));
        let state = tempfile::tempdir().expect("a folder");
        let garbled = settings("loader\n0", state.path().to_owned());
        assert_eq!(code(garbled).await, Err("LDR-HTTP-SETUP"));
    }

    #[tokio::test]
    async fn who_only_looks_knows_every_service() {
        let state = tempfile::tempdir().expect("a folder");
        let started = Gateway::start(settings("loader 0", state.path().to_owned())).await;
        let (gateway, _) = started.unwrap_or_else(|refusal| panic!("{refusal}"));
        let mut known = crate::survey::SERVICE_NAMES;
        known.sort_unstable();
        let services = gateway.engine().services();
        assert_eq!(services.names().collect::<Vec<_>>(), known);
        gateway.stop(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn one_that_had_conversations_ends_and_another_takes_its_place() {
        let state = tempfile::tempdir().expect("a folder");
        for round in 0..2 {
            let started = Gateway::start(settings("loader 0", state.path().to_owned())).await;
            let (gateway, _) = started.unwrap_or_else(|refusal| panic!("{round}: {refusal}"));
            let message = serde_json::json!({
                "account": "main", "conversation": { "id": "#test" }, "addressed": true,
                "sender": { "id": "person" }, "text": "hello",
            });
            let message: loader_contract::channel::InboundMessage =
                serde_json::from_value(message).expect("a message");
            let conversations = &gateway.0.conversations;
            conversations.take("irc", message.clone()).await.expect("taken over");
            gateway.stop(Duration::from_millis(100)).await;
            if round == 1 {
                let late = conversations.take("irc", message).await.expect_err("over");
                assert_eq!(late.code, "LDR-CHANNEL-STARTING");
            }
        }
    }
}

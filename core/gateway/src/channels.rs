//! Accounts of channels: kept connected, their states, and the inbox their messages arrive in.

use crate::{config, conversation::Conversations};
use loader_abi::class;
use loader_contract::channel::{
    AccountState, AccountStatus, CONTRACT, Connect, Disconnect, INBOX, InboundMessage, StatusList,
    inbox, method,
};
use loader_core::{
    CallOptions, Engine,
    message::{Failure, Metadata, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
    services::{EventBus, secrets},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tracing::{info, warn};

/// How long a channel may take to answer a question that needs no network.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// How one account is.
#[derive(Debug, Clone, Serialize)]
pub struct AccountView {
    /// The channel's capability id.
    pub channel: String,
    /// What the channel last said of it.
    #[serde(flatten)]
    pub status: AccountStatus,
}

/// The accounts of every channel.
pub(crate) struct Channels {
    events: EventBus,
    states: Mutex<BTreeMap<(String, String), AccountStatus>>,
    /// There from the start to the stop; messages that come before or after have nowhere to go. The
    /// engine owns the inbox and with it this, so it could never end if this were not let go.
    life: Mutex<Option<Life>>,
}

/// What messages are answered with.
#[derive(Clone)]
struct Life {
    engine: Engine,
    conversations: Conversations,
}

impl Channels {
    pub(crate) fn new(events: EventBus) -> Self {
        Self { events, states: Mutex::default(), life: Mutex::default() }
    }

    /// Connects the accounts of the configuration, and answers messages from now on.
    pub(crate) async fn connect(
        &self,
        engine: &Engine,
        conversations: Conversations,
        channels: &BTreeMap<String, config::Channel>,
        secrets: &secrets::Secrets,
    ) {
        *self.life() = Some(Life { engine: engine.clone(), conversations });
        for (channel, settings) in channels {
            let snapshot = engine.snapshot();
            let Some(capability) = snapshot.capability(CONTRACT, channel) else {
                warn!(
                    channel,
                    code = "LDR-CHANNEL-UNKNOWN",
                    "the configuration has accounts of a channel that no plugin provides"
                );
                continue;
            };
            let accounts = settings.accounts.iter().filter(|(_, account)| account.enabled);
            let accounts: Vec<(&String, serde_json::Value)> =
                accounts.map(|(name, account)| (name, account.settings_json())).collect();
            let names = accounts.iter().flat_map(|(_, config)| secrets::references(config));
            secrets.allow(&capability.plugin, names.map(str::to_owned));
            for (account, config) in accounts {
                let request = Connect { account: account.clone(), config };
                match self.ask::<AccountStatus>(engine, channel, method::CONNECT, &request).await {
                    Ok(status) => self.note(channel, status),
                    Err(failure) => {
                        warn!(
                            channel,
                            account,
                            code = failure.code,
                            hint = failure.hint,
                            "the account cannot be connected: {}",
                            failure.message
                        );
                        let failed = AccountStatus {
                            account: account.clone(),
                            state: AccountState::Failed,
                            detail: failure.message,
                            ..AccountStatus::default()
                        };
                        self.note(channel, failed);
                    }
                }
            }
        }
    }

    /// Says goodbye on every account.
    pub(crate) async fn disconnect(&self, engine: &Engine) {
        let accounts: Vec<(String, String)> = self.states().keys().cloned().collect();
        for (channel, account) in accounts {
            let request = Disconnect { account: account.clone(), reason: "shutting down".into() };
            let asked = self.ask::<AccountStatus>(engine, &channel, method::DISCONNECT, &request);
            match asked.await {
                Ok(status) => self.note(&channel, status),
                Err(failure) => {
                    warn!(channel, account, code = failure.code, "no goodbye: {}", failure.message);
                }
            }
        }
    }

    /// Answers no message any more, and lets the engine go.
    pub(crate) fn end(&self) {
        let life = self.life().take();
        drop(life);
    }

    /// How every account is, as the channels last said.
    pub(crate) fn accounts(&self) -> Vec<AccountView> {
        let states = self.states();
        let views = states.iter().map(|((channel, _), status)| AccountView {
            channel: channel.clone(),
            status: status.clone(),
        });
        views.collect()
    }

    /// Asks one channel how its accounts are.
    pub(crate) async fn refresh(&self, engine: &Engine, channel: &str) -> Result<(), Failure> {
        let list: StatusList = self.ask(engine, channel, method::STATUS, &()).await?;
        list.accounts.into_iter().for_each(|status| self.note(channel, status));
        Ok(())
    }

    async fn ask<A: DeserializeOwned>(
        &self,
        engine: &Engine,
        channel: &str,
        method: &str,
        request: &impl Serialize,
    ) -> Result<A, Failure> {
        let target = engine.target(CONTRACT, Some(channel), method)?;
        let body = serde_json::to_vec(request).map_err(|error| {
            Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string())
        })?;
        let options = CallOptions::by("gateway").within(ASK_TIMEOUT);
        from_json(&target.call(options, Metadata::new(), body).await?.body)
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<(String, String), AccountStatus>> {
        self.states.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn life(&self) -> MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes note of a state, and tells of it when it changed.
    fn note(&self, channel: &str, status: AccountStatus) {
        let key = (channel.to_owned(), status.account.clone());
        let before = self.states().insert(key, status.clone());
        if before.as_ref().is_some_and(|before| before.state == status.state) {
            return;
        }
        let state = serde_json::to_value(status.state).unwrap_or_default();
        let state = state.as_str().unwrap_or_default().to_owned();
        info!(
            channel,
            account = status.account,
            state,
            detail = status.detail,
            retry_in_ms = status.retry_in_ms,
            "account"
        );
        let payload = serde_json::json!({ "channel": channel, "status": status });
        let _ = self.events.publish("gateway", &format!("channel.{state}"), payload);
    }

    fn living(&self) -> Result<Life, Failure> {
        self.life().clone().ok_or_else(|| {
            Failure::new(
                class::UNAVAILABLE,
                "LDR-CHANNEL-STARTING",
                "the gateway is starting or stopping and takes no messages now",
            )
        })
    }

    /// The channel a plugin provides.
    fn channel_of(&self, plugin: &str) -> Result<String, Failure> {
        let snapshot = self.living()?.engine.snapshot();
        let mut own = snapshot.capabilities(CONTRACT).filter(|one| one.plugin == plugin);
        own.next().map(|capability| capability.id.clone()).ok_or_else(|| {
            Failure::new(
                class::FORBIDDEN,
                "LDR-CHANNEL-FOREIGN",
                format!("the plugin `{plugin}` provides no channel"),
            )
        })
    }
}

/// The service through which channels report.
pub(crate) struct Inbox(pub(crate) Arc<Channels>);

impl Service for Inbox {
    fn name(&self) -> &str {
        INBOX
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let channels = self.0.clone();
        match request.method.as_str() {
            inbox::STATUS => Answer::Ready((|| {
                let status: AccountStatus = from_json(&request.body)?;
                let channel = channels.channel_of(&request.caller.plugin)?;
                channels.note(&channel, status);
                Reply::json(&())
            })()),
            inbox::DELIVER => Answer::later(async move {
                let message: InboundMessage = from_json(&request.body)?;
                let channel = channels.channel_of(&request.caller.plugin)?;
                let payload = serde_json::json!({ "channel": channel, "message": message });
                let _ = channels.events.publish("gateway", "message.received", payload);
                let conversations = channels.living()?.conversations;
                conversations.take(&channel, message).await?;
                Reply::json(&())
            }),
            method => Answer::unimplemented(INBOX, method),
        }
    }
}

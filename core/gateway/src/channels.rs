//! Accounts of channels: kept connected, their states, and the inbox their messages arrive in.

mod inbox;
mod sending;
mod states;

pub(crate) use inbox::Inbox;
pub(crate) use sending::Sending;
pub use states::AccountView;

use states::States;

use crate::{
    config,
    conversation::Conversations,
    difference::{AccountAction, AccountChange},
};
use loader_abi::class;
use loader_contract::channel::{
    AccountState, AccountStatus, CONTRACT, Connect, Disconnect, StatusList, method,
};
use loader_core::{
    CallOptions, Engine, diagnostic::Diagnostic, message::Failure, services::EventBus,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};
use tracing::{info, warn};

/// How long a channel may take to answer a question that needs no network.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// The accounts of every channel.
pub(crate) struct Channels {
    events: EventBus,
    states: States,
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
        Self { events, states: States::default(), life: Mutex::default() }
    }

    /// Answers messages from now on.
    pub(crate) fn begin(&self, engine: &Engine, conversations: Conversations) {
        *self.life() = Some(Life { engine: engine.clone(), conversations });
    }

    /// Connects an account, and takes note of how it is. Says why it cannot be.
    pub(crate) async fn connect(
        &self,
        engine: &Engine,
        channel: &str,
        account: &str,
        settings: &config::Account,
    ) -> Option<Diagnostic> {
        match self.ask_to_connect(engine, channel, account, settings).await {
            Ok(()) => None,
            Err(failure) => {
                let status = AccountStatus {
                    account: account.to_owned(),
                    state: AccountState::Failed,
                    detail: failure.message.clone(),
                    ..AccountStatus::default()
                };
                if failure.code != UNKNOWN {
                    self.note(channel, status, u64::MAX);
                }
                Some(told(channel, account, failure))
            }
        }
    }

    /// Does with an account what another configuration asks for. Says what could not be done.
    pub(crate) async fn change(
        &self,
        engine: &Engine,
        change: &AccountChange,
        config: &config::Config,
    ) -> Option<Diagnostic> {
        let (channel, account) = (change.channel.as_str(), change.account.as_str());
        let settings = config.channels.get(channel).and_then(|one| one.accounts.get(account));
        match (change.action, settings) {
            (AccountAction::Connect, Some(settings)) => {
                self.connect(engine, channel, account, settings).await
            }
            (AccountAction::Reconnect, Some(settings)) => {
                let failure =
                    self.ask_to_connect(engine, channel, account, settings).await.err()?;
                // It may well go on with the settings it had.
                let _ = self.refresh(engine, channel).await;
                Some(told(channel, account, failure))
            }
            _ => {
                let left = self.leave(engine, channel, account, "switched off").await;
                self.states.forget(channel, account);
                // Where there is no such channel or account, there is nobody to say goodbye.
                let failure = left.err().filter(|failure| failure.class != class::NOT_FOUND)?;
                Some(told(channel, account, failure))
            }
        }
    }

    /// Forgets the accounts of channels that no plugin provides any more.
    pub(crate) fn forget_unserved(&self, engine: &Engine) {
        let snapshot = engine.snapshot();
        self.states.keep_channels(|channel| snapshot.capability(CONTRACT, channel).is_some());
    }

    async fn ask_to_connect(
        &self,
        engine: &Engine,
        channel: &str,
        account: &str,
        settings: &config::Account,
    ) -> Result<(), Failure> {
        if engine.snapshot().capability(CONTRACT, channel).is_none() {
            let message = "the configuration has accounts of a channel that no plugin provides";
            return Err(Failure::new(class::NOT_FOUND, UNKNOWN, message)
                .hint("see what there is: loader channels list"));
        }
        let request = Connect { account: account.to_owned(), config: settings.settings_json() };
        let reports = self.states.reports();
        let status = self.ask(engine, channel, method::CONNECT, &request).await?;
        self.note(channel, status, reports);
        Ok(())
    }

    /// Says goodbye on every account.
    pub(crate) async fn disconnect(&self, engine: &Engine) {
        for (channel, account) in self.states.names() {
            if let Err(failure) = self.leave(engine, &channel, &account, "shutting down").await {
                warn!(channel, account, code = failure.code, "no goodbye: {}", failure.message);
            }
        }
    }

    /// Says goodbye on one account.
    async fn leave(
        &self,
        engine: &Engine,
        channel: &str,
        account: &str,
        reason: &str,
    ) -> Result<(), Failure> {
        let request = Disconnect { account: account.to_owned(), reason: reason.to_owned() };
        let reports = self.states.reports();
        let status = self.ask(engine, channel, method::DISCONNECT, &request).await?;
        self.note(channel, status, reports);
        Ok(())
    }

    /// Answers no message any more, and lets the engine go.
    pub(crate) fn end(&self) {
        let life = self.life().take();
        drop(life);
    }

    /// How every account is, as the channels last said.
    pub(crate) fn accounts(&self) -> Vec<AccountView> {
        self.states.views()
    }

    /// The accounts of a channel that are connected.
    fn connected(&self, channel: &str) -> Vec<String> {
        self.states.connected(channel)
    }

    /// Asks one channel how its accounts are.
    pub(crate) async fn refresh(&self, engine: &Engine, channel: &str) -> Result<(), Failure> {
        let reports = self.states.reports();
        let list: StatusList = self.ask(engine, channel, method::STATUS, &()).await?;
        list.accounts.into_iter().for_each(|status| self.note(channel, status, reports));
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
        target.ask(CallOptions::by("gateway").within(ASK_TIMEOUT), request).await
    }

    fn life(&self) -> MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes note of what a channel reports.
    fn report(&self, channel: &str, status: AccountStatus) {
        if self.states.report(channel, &status) {
            self.tell(channel, &status);
        }
    }

    /// Takes note of what a channel answered to a question that was asked after so many reports.
    fn note(&self, channel: &str, status: AccountStatus, reports: u64) {
        if self.states.note(channel, &status, reports) {
            self.tell(channel, &status);
        }
    }

    /// Tells of a state that is another than before.
    fn tell(&self, channel: &str, status: &AccountStatus) {
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
        self.life().clone().ok_or_else(not_now)
    }
}

/// There is nobody to answer a message yet, or any more.
pub(crate) fn not_now() -> Failure {
    Failure::new(
        class::UNAVAILABLE,
        "LDR-CHANNEL-STARTING",
        "the gateway is starting or stopping and takes no messages now",
    )
}

/// There are accounts of a channel that no plugin provides.
const UNKNOWN: &str = "LDR-CHANNEL-UNKNOWN";

/// Why an account is not as the configuration wants it, for the log and for who asked.
fn told(channel: &str, account: &str, failure: Failure) -> Diagnostic {
    let Failure { code, message, hint, .. } = failure;
    warn!(channel, account, code, hint, "the account is not as configured: {message}");
    let finding = Diagnostic::error(
        "LDR-CHANNEL-ACCOUNT",
        format!("the account `{account}` of `{channel}` is not as configured: {message} ({code})"),
    );
    if hint.is_empty() { finding } else { finding.hint(hint) }
}

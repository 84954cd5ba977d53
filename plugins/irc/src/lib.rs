//! Internet Relay Chat: one plugin, several accounts.
//!
//! Every account is a connection that the host owns and one background task that keeps it alive.
//! From the outside in: [`Irc`] answers the host; `account` runs an account; [`session`] is the
//! conversation with a server as a pure state machine, with [`registration`] for its beginning and
//! [`inbound`] for what people say. [`framing`], [`message`] and [`command`] are the lines on the
//! wire, [`split`] cuts texts to their size. [`state`] is what survives a reload, `handover` how.

mod account;
mod handover;
mod health;
mod signal;

pub mod backoff;
pub mod casemap;
pub mod command;
pub mod formatting;
pub mod framing;
pub mod inbound;
pub mod isupport;
pub mod memory;
pub mod message;
pub mod pace;
pub mod registration;
pub mod server_time;
pub mod session;
pub mod settings;
pub mod split;
pub mod state;

use account::{Account, SentMemory};
use loader_sdk::{
    contract::channel::{Connect, Disconnect, TextLimit, TextUnit, code},
    futures::future::join_all,
    prelude::*,
};
use settings::AccountSettings;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is sure to fit into one line, in bytes: 512 less the longest source and channel name that
/// are usual. How much really fits depends on both and is known once connected.
const SURE_TEXT_BYTES: u32 = 350;

/// The plugin.
pub struct Irc {
    host: Host,
    accounts: Mutex<BTreeMap<String, Entry>>,
}

/// An account's name: what was sent under it, and who bears it now.
#[derive(Default)]
struct Entry {
    /// Outlives the account, so that a message is not repeated by the next one.
    memory: SentMemory,
    account: Option<Arc<Account>>,
}

impl Irc {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accounts(&self) -> Vec<Arc<Account>> {
        self.entries().values().filter_map(|entry| entry.account.clone()).collect()
    }

    fn find(&self, name: &str) -> Result<Arc<Account>> {
        let account = self.entries().get(name).and_then(|entry| entry.account.clone());
        account.ok_or_else(|| {
            Error::not_found(
                code::UNKNOWN_ACCOUNT,
                format!("no IRC account `{}` is connected", name.escape_debug()),
            )
            .hint("accounts are configured under `[channels.irc.accounts.<name>]`")
        })
    }
}

impl Plugin for Irc {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host, accounts: Mutex::default() })
    }

    async fn stop(&self) -> Result<()> {
        let accounts = self.accounts();
        join_all(accounts.iter().map(|account| account.leave("the gateway stops"))).await;
        Ok(())
    }
}

impl Channel for Irc {
    async fn capabilities(&self, _: Call) -> Result<Capabilities> {
        let text_limit = Some(TextLimit { limit: SURE_TEXT_BYTES, unit: TextUnit::Bytes });
        Ok(Capabilities { text_limit, groups: true, direct: true })
    }

    async fn connect(&self, _: Call, request: Connect) -> Result<AccountStatus> {
        let settings = AccountSettings::read(&request.account, request.config.clone())?;
        let mut entries = self.entries();
        let entry = entries.entry(request.account.clone()).or_default();
        if let Some(account) = entry.account.as_ref().filter(|account| account.serves(&settings)) {
            return Ok(account.status());
        }
        let (host, memory) = (self.host.clone(), entry.memory.clone());
        let account = Account::new(host, &request.account, settings, request.config, memory);
        let previous = entry.account.replace(account.clone());
        account.start(previous);
        Ok(account.status())
    }

    async fn disconnect(&self, _: Call, request: Disconnect) -> Result<AccountStatus> {
        let account = self.find(&request.account)?;
        account.leave(&request.reason).await;
        let status = account.status();
        let was_current = {
            let mut entries = self.entries();
            let entry = entries.entry(request.account).or_default();
            entry.account.take_if(|current| Arc::ptr_eq(current, &account)).is_some()
        };
        // A new account under the name has reported its own state already.
        if was_current {
            self.host.report_status(&status).await?;
        }
        Ok(status)
    }

    async fn status(&self, _: Call) -> Result<StatusList> {
        let accounts = self.accounts();
        Ok(StatusList { accounts: accounts.iter().map(|account| account.status()).collect() })
    }

    async fn send(&self, call: Call, request: SendText) -> Result<Sent> {
        let account = self.find(&request.account)?;
        account.send(call.idempotency_key(), &request.conversation, &request.text).await
    }
}

impl Health for Irc {
    async fn check(&self, _: Call) -> Result<HealthReport> {
        let accounts = self.accounts();
        Ok(health::report(accounts.iter().map(|account| account.condition()).collect()))
    }
}

export_plugin! {
    plugin: Irc,
    id: "irc",
    state: state::Accounts,
    provides: [channel: "irc", health: "irc"],
}

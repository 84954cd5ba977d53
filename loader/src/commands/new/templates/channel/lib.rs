//! A channel of lines over TCP: each line of the server is a message, each answer goes back.

mod account;
#[cfg(test)]
mod tests;

use account::Account;
use loader_sdk::{
    contract::channel::{Connect, Disconnect, code},
    prelude::*,
    serde::Deserialize as _,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What an operator may set under `channels.{{name}}.accounts.<account>`.
#[config]
struct Settings {
    /// The server's name or address.
    host: String,
    /// The server's port.
    port: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 7000,
        }
    }
}

struct Lines {
    host: Host,
    accounts: Mutex<BTreeMap<String, Arc<Account>>>,
}

impl Lines {
    fn accounts(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Account>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plugin for Lines {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self {
            host,
            accounts: Mutex::default(),
        })
    }
}

impl Channel for Lines {
    async fn capabilities(&self, _: Call) -> Result<Capabilities> {
        Ok(Capabilities {
            direct: true,
            ..Capabilities::default()
        })
    }

    async fn connect(&self, _: Call, request: Connect) -> Result<AccountStatus> {
        let settings = Settings::deserialize(request.config)
            .map_err(|error| Error::invalid(code::ACCOUNT_INVALID, error.to_string()))?;
        let account = Account::start(&self.host, &request.account, settings);
        let status = account.status();
        if let Some(previous) = self.accounts().insert(request.account, account) {
            previous.stop();
        }
        Ok(status)
    }

    async fn disconnect(&self, _: Call, request: Disconnect) -> Result<AccountStatus> {
        let account = self
            .accounts()
            .remove(&request.account)
            .ok_or_else(unknown_account)?;
        account.stop();
        self.host.net().close(&request.account).await?;
        Ok(account.status())
    }

    async fn status(&self, _: Call) -> Result<StatusList> {
        Ok(StatusList {
            accounts: self.accounts().values().map(|one| one.status()).collect(),
        })
    }

    async fn send(&self, call: Call, request: SendText) -> Result<Sent> {
        let account = self.accounts().get(&request.account).cloned();
        account
            .ok_or_else(unknown_account)?
            .say(call.idempotency_key(), &request.text)
            .await
    }
}

fn unknown_account() -> Error {
    Error::not_found(code::UNKNOWN_ACCOUNT, "no such account is connected")
}

export_plugin! {
    plugin: Lines,
    id: "{{name}}",
    provides: [channel: "{{name}}"],
}

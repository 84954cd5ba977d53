// A channel over HTTP: an address is asked for messages, one a line, and answers are posted there.

use loader_sdk::{
    contract::channel::{Connect, Conversation, ConversationKind, Disconnect, code},
    futures::future::{AbortHandle, Abortable},
    prelude::*,
    serde::Deserialize as _,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What an operator may set under `channels.board.accounts.<account>`.
#[config]
#[derive(Default)]
struct Settings {
    /// The address of the board.
    url: String,
}

struct Account {
    name: String,
    url: String,
    state: Mutex<AccountState>,
    task: AbortHandle,
}

struct Board {
    host: Host,
    accounts: Mutex<BTreeMap<String, Arc<Account>>>,
}

impl Plugin for Board {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host, accounts: Mutex::default() })
    }
}

impl Channel for Board {
    async fn capabilities(&self, _: Call) -> Result<Capabilities> {
        Ok(Capabilities { groups: true, ..Capabilities::default() })
    }

    async fn connect(&self, _: Call, request: Connect) -> Result<AccountStatus> {
        let Settings { url } = Settings::deserialize(request.config)
            .map_err(|error| Error::invalid(code::ACCOUNT_INVALID, error.to_string()))?;
        let mut accounts = lock(&self.accounts);
        // With the same settings there is nothing to do.
        if let Some(account) = accounts.get(&request.account).filter(|one| one.url == url) {
            return Ok(account.status());
        }
        let (task, registration) = AbortHandle::new_pair();
        let (name, state) = (request.account.clone(), Mutex::new(AccountState::Connecting));
        let account = Arc::new(Account { name, url, state, task });
        // What is begun here goes on after the answer, until `disconnect` ends it.
        let reading = Abortable::new(read(self.host.clone(), account.clone()), registration);
        self.host.spawn(async move {
            let _ = reading.await;
        });
        let status = account.status();
        if let Some(before) = accounts.insert(request.account, account) {
            before.task.abort();
        }
        Ok(status)
    }

    async fn disconnect(&self, _: Call, request: Disconnect) -> Result<AccountStatus> {
        let account = lock(&self.accounts).remove(&request.account).ok_or_else(unknown)?;
        account.task.abort();
        *lock(&account.state) = AccountState::Disconnected;
        Ok(account.status())
    }

    async fn status(&self, _: Call) -> Result<StatusList> {
        let accounts = lock(&self.accounts).values().map(|account| account.status()).collect();
        Ok(StatusList { accounts })
    }

    async fn send(&self, call: Call, request: SendText) -> Result<Sent> {
        let account = lock(&self.accounts).get(&request.account).cloned().ok_or_else(unknown)?;
        // What comes again with its key must not be said twice: here the board sees to it.
        let post =
            self.host.http().post(&account.url).header("idempotency-key", call.idempotency_key());
        post.body(request.text).send().await?;
        Ok(Sent { pieces: 1, ..Sent::default() })
    }
}

impl Account {
    fn status(&self) -> AccountStatus {
        let (account, state) = (self.name.clone(), *lock(&self.state));
        AccountStatus { account, state, ..AccountStatus::default() }
    }
}

/// Asks for messages again and again, hands them to the gateway, and reports how the account is.
async fn read(host: Host, account: Arc<Account>) {
    loop {
        let state = match deliver(&host, &account).await {
            Ok(()) => AccountState::Connected,
            Err(error) => {
                debug!(account = account.name, "not connected: {error}");
                AccountState::Reconnecting
            }
        };
        if std::mem::replace(&mut *lock(&account.state), state) != state {
            // Nobody hears of it only while the gateway stops.
            let _ = host.report_status(&account.status()).await;
        }
        host.sleep(Duration::from_secs(1)).await;
    }
}

async fn deliver(host: &Host, account: &Account) -> Result<()> {
    let page = host.http().get(&account.url).send().await?;
    for line in String::from_utf8_lossy(&page.body).lines() {
        let conversation = Conversation { id: "board".into(), kind: ConversationKind::Group };
        let message = InboundMessage {
            account: account.name.clone(),
            conversation,
            text: line.to_owned(),
            addressed: true,
            ..InboundMessage::default()
        };
        host.deliver(&message).await?;
    }
    Ok(())
}

fn unknown() -> Error {
    Error::not_found(code::UNKNOWN_ACCOUNT, "no such account is connected")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

export_plugin! {
    plugin: Board,
    id: "board",
    provides: [channel: "board"],
}

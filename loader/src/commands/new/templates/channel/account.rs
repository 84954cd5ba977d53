//! One account: a connection that the host owns, and the task that keeps it.

use crate::Settings;
use loader_sdk::{
    contract::channel::{Conversation, Person, code},
    futures::future::{AbortHandle, Abortable},
    prelude::*,
    service::net::{Connect, Connection, Writer},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long until a server that cannot be reached is dialled again.
const AGAIN: Duration = Duration::from_secs(1);

/// How many milliseconds a connection waits for whoever takes it over: the next build of this plugin.
const KEPT_MS: u64 = 10_000;

/// A longer line is none.
const LONGEST_LINE: usize = 64 * 1024;

pub(crate) struct Account {
    host: Host,
    name: String,
    settings: Settings,
    task: AbortHandle,
    line: Mutex<Line>,
}

/// What others may know of the connection.
#[derive(Default)]
struct Line {
    state: AccountState,
    writer: Option<Arc<Writer>>,
    /// The key of the last answer: one that is tried again is not said again.
    said: String,
}

impl Account {
    /// Begins to connect.
    pub(crate) fn start(host: &Host, name: &str, settings: Settings) -> Arc<Self> {
        let (task, registration) = AbortHandle::new_pair();
        let line = Line {
            state: AccountState::Connecting,
            ..Line::default()
        };
        let (name, line) = (name.to_owned(), Mutex::new(line));
        let account = Arc::new(Self {
            host: host.clone(),
            name,
            settings,
            task,
            line,
        });
        let keeping = Abortable::new(account.clone().keep_connected(), registration);
        host.spawn(async move {
            let _ = keeping.await;
        });
        account
    }

    /// Lets go of the connection, for good.
    pub(crate) fn stop(&self) {
        self.task.abort();
        *self.line() = Line::default();
    }

    pub(crate) fn status(&self) -> AccountStatus {
        let (account, state) = (self.name.clone(), self.line().state);
        AccountStatus {
            account,
            state,
            ..AccountStatus::default()
        }
    }

    /// Says a text to the server.
    pub(crate) async fn say(&self, key: &str, text: &str) -> Result<Sent> {
        let writer = {
            let line = self.line();
            if !key.is_empty() && line.said == key {
                return Ok(Sent::default());
            }
            line.writer.clone()
        };
        let Some(writer) = writer else {
            return Err(Error::unavailable(
                code::NOT_CONNECTED,
                "there is no connection now",
            ));
        };
        writer.write(format!("{text}\n")).await?;
        self.line().said = key.to_owned();
        Ok(Sent {
            pieces: 1,
            ..Sent::default()
        })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_connected(self: Arc<Self>) {
        loop {
            if let Err(error) = self.converse().await {
                warn!(
                    account = self.name,
                    code = error.code(),
                    "not connected: {error}"
                );
            }
            self.change(AccountState::Reconnecting, None).await;
            self.host.sleep(AGAIN).await;
        }
    }

    /// Connects, and delivers lines until the server hangs up.
    async fn converse(&self) -> Result<()> {
        let (host, port) = (self.settings.host.clone(), self.settings.port);
        let name = self.name.clone();
        let address = Connect {
            name,
            host,
            port,
            keep_ms: KEPT_MS,
            ..Connect::default()
        };
        let Connection {
            connected,
            reader,
            writer,
        } = self.host.net().connect(&address).await?;
        self.change(AccountState::Connected, Some(Arc::new(writer)))
            .await;
        let mut unread = Vec::new();
        while let Some(bytes) = reader.read().await? {
            unread.extend(bytes);
            while let Some(line) = next_line(&mut unread) {
                self.host
                    .deliver(&self.message(&connected.peer, line).await?)
                    .await?;
            }
            if unread.len() > LONGEST_LINE {
                return Err(Error::invalid(
                    "line_too_long",
                    "the server sends no line's end",
                ));
            }
        }
        Ok(())
    }

    async fn message(&self, sender: &str, text: String) -> Result<InboundMessage> {
        Ok(InboundMessage {
            account: self.name.clone(),
            conversation: Conversation {
                id: "lines".into(),
                ..Conversation::default()
            },
            sender: Person {
                id: sender.to_owned(),
                ..Person::default()
            },
            text,
            timestamp_ms: self.host.now().await?.unix_ms,
            addressed: true,
            ..InboundMessage::default()
        })
    }

    async fn change(&self, state: AccountState, writer: Option<Arc<Writer>>) {
        {
            let mut line = self.line();
            (line.state, line.writer) = (state, writer);
        }
        if let Err(error) = self.host.report_status(&self.status()).await {
            warn!(
                account = self.name,
                code = error.code(),
                "nobody is told: {error}"
            );
        }
    }
}

/// Takes the first whole line out of what was read.
pub(crate) fn next_line(unread: &mut Vec<u8>) -> Option<String> {
    let end = unread.iter().position(|byte| *byte == b'\n')?;
    let line: Vec<u8> = unread.drain(..=end).collect();
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}

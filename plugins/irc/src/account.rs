//! One account: kept connected by one background task, asked from everywhere else.
//!
//! The task drives one connection after the other ([`connection`]) and, beside them, tells the
//! gateway what happened ([`inbox`]). What others may know lies in `state`; what they want sent goes
//! through the [`outbox`]. Both stand still when the [`course`] says so, between two lines and between
//! two reports, and [`handover`] writes down where.

mod connection;
mod course;
mod handover;
mod inbox;
mod outbox;
mod sending;

use crate::{
    backoff::STABLE,
    command::line,
    memory::Memory,
    settings::AccountSettings,
    signal::Signal,
    split::{Room, split},
    state::Progress,
};
use course::{Course, Wish};
use inbox::Inbox;
use loader_sdk::{
    chance::scramble,
    futures::future::{Either, join, select},
    prelude::*,
    service::net::{Connection, Writer},
};
use outbox::{Outbox, Ticket};
use serde_json::Value;
use std::{
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(crate) use handover::{restore_memory, save_memory};
pub(crate) use inbox::Report;
pub(crate) use outbox::Outcome;

/// How long a farewell may take to be taken by the network, and then to be answered.
const FAREWELL: Duration = Duration::from_secs(1);

/// The longest reason of a farewell, in bytes.
const REASON_BYTES: usize = 300;

/// What was sent for which idempotency key.
pub(crate) type SentMemory = Arc<Mutex<Memory<Ticket>>>;

/// How a connection ended.
#[derive(Debug)]
enum Ending {
    /// As we wished.
    Left,
    /// Not as we wished; trying again may help.
    Lost(String),
    /// Trying again makes no sense until the settings change.
    Failed(String),
    /// Not at all: it stands still.
    Rested,
}

/// What others may know of an account.
struct State {
    status: AccountStatus,
    /// What fits into a line, while messages can be sent.
    room: Option<Room>,
    /// The way to the network, while there is one. Both halves: a connection of which one half is
    /// dropped is let go of, and the host ends the task before the plugin may say goodbye.
    connection: Option<Arc<Connection>>,
    /// When the account went online, on the clock that never goes back.
    online_since_ns: Option<u64>,
    /// Lines of the server that were too long to be taken.
    overlong_lines: u64,
}

/// One account.
pub(crate) struct Account {
    host: Host,
    name: String,
    settings: AccountSettings,
    /// The settings as they were given.
    config: Value,
    state: Signal<State>,
    outbox: Outbox,
    inbox: Inbox,
    memory: SentMemory,
    course: Course,
}

/// What a health check tells of an account.
pub(crate) struct Condition {
    /// How it is.
    pub(crate) status: AccountStatus,
    /// Lines of the server that were too long to be taken.
    pub(crate) overlong_lines: u64,
    /// Messages and changes of state that the gateway did not take.
    pub(crate) undelivered: u64,
}

impl Account {
    /// An account that does nothing yet.
    pub(crate) fn new(
        host: Host,
        name: &str,
        settings: AccountSettings,
        config: Value,
        memory: SentMemory,
    ) -> Arc<Self> {
        let state = AccountState::Connecting;
        let status = AccountStatus { account: name.to_owned(), state, ..AccountStatus::default() };
        Arc::new(Self {
            host,
            name: name.to_owned(),
            settings,
            config,
            state: Signal::new(State {
                status,
                room: None,
                connection: None,
                online_since_ns: None,
                overlong_lines: 0,
            }),
            outbox: Outbox::new(),
            inbox: Inbox::new(Vec::new(), 0),
            memory,
            course: Course::from(Some(Progress::default())),
        })
    }

    /// Starts the task, which first sees `previous` off: two accounts cannot share a connection's
    /// name.
    pub(crate) fn start(self: &Arc<Self>, previous: Option<Arc<Self>>) {
        let account = self.clone();
        self.host.spawn(async move {
            let _ended = Ended(&account);
            if let Some(previous) = previous {
                previous.leave("new settings").await;
            }
            account.report();
            account.live().await;
        });
    }

    /// Keeps the account connected, and tells the gateway of it.
    async fn live(&self) {
        join(self.keep(), self.tell()).await;
    }

    async fn keep(&self) {
        while let Some(progress) = self.course.keeper_goes().await {
            let stands = self.keep_connected(progress).await;
            self.course.keeper_stops(stands);
        }
        self.inbox.close();
    }

    async fn tell(&self) {
        while self.course.teller_goes().await {
            let told = self.inbox.deliver_all(&self.host, &self.course).await;
            self.course.teller_stops();
            if told {
                return;
            }
        }
    }

    /// How the account is.
    pub(crate) fn status(&self) -> AccountStatus {
        self.state.look(|state| state.status.clone())
    }

    /// How the account is, and what it suffered.
    pub(crate) fn condition(&self) -> Condition {
        Condition {
            status: self.status(),
            overlong_lines: self.state.look(|state| state.overlong_lines),
            undelivered: self.inbox.undelivered(),
        }
    }

    /// Whether the account is being kept connected with these settings.
    pub(crate) fn serves(&self, settings: &AccountSettings) -> bool {
        let over = self.course.is_leaving()
            || self.course.is_over()
            || self.status().state == AccountState::Failed;
        !over && self.settings == *settings
    }

    /// Says goodbye and ends the task, and waits for both, but not long. Safe to call twice, and
    /// after the task was dropped.
    pub(crate) async fn leave(&self, reason: &str) {
        let first = self.course.leave();
        let connection = self.state.look(|state| state.connection.clone());
        if let Some(connection) = connection.filter(|_| first) {
            let reason = split(reason, REASON_BYTES).into_iter().next();
            let farewell = line("QUIT", &[], Some(reason.as_deref().unwrap_or("goodbye")));
            let _ = self.host.timeout(FAREWELL, say(&connection.writer, &farewell)).await;
        }
        let _ = self.host.timeout(2 * FAREWELL, self.course.is_gone()).await;
        self.end_connection().await;
        self.state.change(|state| {
            state.status.state = AccountState::Disconnected;
            state.status.detail = reason.to_owned();
            state.status.retry_in_ms = None;
        });
    }

    /// Connects again and again, until the account gives up or is to end, or is to rest: then this is
    /// where it stands.
    async fn keep_connected(&self, mut progress: Progress) -> Option<Progress> {
        loop {
            if let Some(at) = progress.retry_at_ns {
                match self.turns_before(at).await {
                    Some(Wish::Leave) => return None,
                    Some(_) => return Some(progress),
                    None => progress.retry_at_ns = None,
                }
                self.set_status(|status| status.retry_in_ms = None);
            }
            let ending = self.converse(&mut progress.talk).await;
            if let Ending::Rested = ending {
                // The host keeps it under its name.
                drop(self.state.change(|state| state.connection.take()));
                return Some(progress);
            }
            let lasted = self.end_connection().await;
            if self.course.is_leaving() {
                return None;
            }
            match ending {
                Ending::Left | Ending::Rested => return None,
                Ending::Failed(detail) => {
                    error!(account = self.name, "gave up: {detail}");
                    self.become_state(AccountState::Failed, &detail, None);
                    return None;
                }
                Ending::Lost(detail) => {
                    if lasted.is_some() {
                        self.become_state(AccountState::Disconnected, &detail, None);
                    }
                    if lasted.is_some_and(|lasted| lasted >= STABLE) {
                        progress.backoff.reset();
                    }
                    let wait = progress.backoff.next(self.random().await);
                    warn!(account = self.name, retry_in = ?wait, "not connected: {detail}");
                    self.become_state(AccountState::Reconnecting, &detail, Some(wait));
                    let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
                    progress.retry_at_ns = Some(self.now_ns().await.saturating_add(wait));
                }
            }
        }
    }

    /// Takes back what others may use of a connection that is over. Says how long the account was
    /// online, if it was.
    async fn end_connection(&self) -> Option<Duration> {
        let (connection, since) = self.state.change(|state| {
            state.room = None;
            (state.connection.take(), state.online_since_ns.take())
        });
        self.outbox.close();
        // Whoever takes the connection closes it: by the time another looks, its name may
        // belong to the next one. It is no error if the other side was faster.
        if connection.is_some() {
            let _ = self.host.net().close(&self.connection_name()).await;
        }
        Some(Duration::from_nanos(self.now_ns().await.saturating_sub(since?)))
    }

    async fn now_ns(&self) -> u64 {
        self.host.now().await.unwrap_or_default().monotonic_ns
    }

    fn connection_name(&self) -> String {
        format!("account/{}", self.name)
    }

    /// Waits until this moment, but not longer than the account is to be connected.
    async fn turns_before(&self, at_ns: u64) -> Option<Wish> {
        let wait = Duration::from_nanos(at_ns.saturating_sub(self.now_ns().await));
        match select(pin!(self.course.turns()), pin!(self.host.sleep(wait))).await {
            Either::Left((wish, _)) => Some(wish),
            Either::Right(_) => None,
        }
    }

    /// A random number for the jitter: from the clock, and from the name, so that two accounts that
    /// lost one server do not come back in step.
    async fn random(&self) -> u64 {
        let now = self.host.now().await.unwrap_or_default();
        let name = self.name.bytes().fold(0, |sum, byte| scramble(sum ^ u64::from(byte)));
        scramble(now.monotonic_ns ^ now.unix_ms.rotate_left(32) ^ name)
    }

    fn become_state(&self, state: AccountState, detail: &str, retry_in: Option<Duration>) {
        self.set_status(|status| {
            status.state = state;
            status.detail = detail.to_owned();
            status.retry_in_ms =
                retry_in.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        });
    }

    /// Changes the status, and reports it if it is another then.
    fn set_status(&self, change: impl FnOnce(&mut AccountStatus)) {
        let changed = self.state.change(|state| {
            let before = state.status.clone();
            change(&mut state.status);
            state.status != before
        });
        if changed {
            self.report();
        }
    }

    /// Tells the gateway how the account is.
    fn report(&self) {
        self.inbox.push(Report::Status(self.status()));
    }
}

/// Says that the task is no more, also when it was dropped.
struct Ended<'a>(&'a Account);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.outbox.close();
        self.0.state.change(|state| {
            // Only a task that was dropped, by a panic or by the host, leaves another state behind.
            if !matches!(state.status.state, AccountState::Disconnected | AccountState::Failed) {
                state.status.state = AccountState::Failed;
                state.status.detail = "its background task was ended".to_owned();
            }
        });
        self.0.course.end();
    }
}

/// Writes one line.
async fn say(writer: &Writer, line: &str) -> Result<()> {
    writer.write(format!("{line}\r\n")).await
}

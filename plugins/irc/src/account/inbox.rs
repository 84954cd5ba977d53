//! What the gateway is told, in order: messages and changes of state.
//!
//! The queue stands between the network and the gateway, so that a slow gateway does not keep us
//! from answering the server's PING. It is bounded: a message that finds it full is dropped, which
//! is counted and logged.

use crate::signal::Signal;
use loader_sdk::{
    Error, class,
    prelude::{AccountStatus, Host, InboundMessage, warn},
};
use std::{collections::VecDeque, time::Duration};

/// How many reports wait before messages are dropped.
const CAPACITY: usize = 256;

/// How many reports wait before even changes of state are dropped.
const HARD_CAPACITY: usize = 2 * CAPACITY;

/// How often a message is offered to a gateway that cannot take it now, and how long is waited in
/// between where the gateway does not say.
const TRIES: usize = 5;
const PATIENCE: Duration = Duration::from_secs(1);

/// Something the gateway must know.
pub(crate) enum Report {
    /// A person wrote.
    Message(Box<InboundMessage>),
    /// The account's state changed.
    Status(AccountStatus),
}

/// The reports of one account.
pub(crate) struct Inbox(Signal<State>);

#[derive(Default)]
struct State {
    closed: bool,
    reports: VecDeque<Report>,
    undelivered: u64,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self(Signal::new(State::default()))
    }

    /// Adds a report behind the others; without room, it is dropped and counted.
    pub(crate) fn push(&self, report: Report) {
        let capacity = match &report {
            Report::Message(_) => CAPACITY,
            Report::Status(_) => HARD_CAPACITY,
        };
        let taken = self.0.change(|state| {
            let room = state.reports.len() < capacity;
            if room {
                state.reports.push_back(report);
            } else {
                state.undelivered += 1;
            }
            room
        });
        if !taken {
            warn!("the gateway is far behind: a message was dropped");
        }
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.0.change(|state| state.closed = true);
    }

    /// How many reports could not be delivered.
    pub(crate) fn undelivered(&self) -> u64 {
        self.0.look(|state| state.undelivered)
    }

    /// Tells the gateway everything, until the inbox is closed and empty.
    pub(crate) async fn deliver_all(&self, host: &Host) {
        while let Some(report) = self.next().await {
            let delivered = match &report {
                Report::Message(message) => deliver(host, message).await,
                Report::Status(status) => host.report_status(status).await,
            };
            if let Err(error) = delivered {
                self.0.change(|state| state.undelivered += 1);
                warn!(code = error.code(), "the gateway did not take a report: {error}");
            }
        }
    }

    async fn next(&self) -> Option<Report> {
        let next = self.0.until(|state| match state.reports.pop_front() {
            Some(report) => Some(Some(report)),
            None => state.closed.then_some(None),
        });
        next.await
    }
}

/// Hands a message over, with patience for a gateway that cannot take it now.
async fn deliver(host: &Host, message: &InboundMessage) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        let error = match host.deliver(message).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let may_pass = matches!(error.class(), class::UNAVAILABLE | class::EXHAUSTED);
        if !may_pass || tries == TRIES {
            return Err(error);
        }
        tries += 1;
        host.sleep(error.retry_after_hint().unwrap_or(PATIENCE)).await;
    }
}

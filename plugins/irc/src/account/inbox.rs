//! What the gateway is told, in order: messages and changes of state.
//!
//! The queue stands between the network and the gateway, so that a slow gateway does not keep us
//! from answering the server's PING. It is bounded: a message that finds it full is dropped, which
//! is counted and logged.

use super::course::Course;
use crate::signal::Signal;
use loader_sdk::schemars;
use loader_sdk::{
    Error, class,
    futures::future::{Either, select},
    prelude::{AccountStatus, Host, InboundMessage, warn},
};
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, pin::pin, time::Duration};

/// How many reports wait before messages are dropped.
const CAPACITY: usize = 256;

/// How many reports wait before even changes of state are dropped.
const HARD_CAPACITY: usize = 2 * CAPACITY;

/// How often a message is offered to a gateway that cannot take it now, and how long is waited in
/// between where the gateway does not say.
const TRIES: usize = 5;
const PATIENCE: Duration = Duration::from_secs(1);

/// Something the gateway must know.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
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
    /// An inbox with what another one had not delivered.
    pub(crate) fn new(reports: Vec<Report>, undelivered: u64) -> Self {
        Self(Signal::new(State { closed: false, reports: reports.into(), undelivered }))
    }

    /// What is not delivered yet.
    pub(crate) fn reports(&self) -> Vec<Report> {
        self.0.look(|state| state.reports.iter().cloned().collect())
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

    /// Tells the gateway everything, until the inbox is closed and empty, or the account is to rest:
    /// then `false`.
    ///
    /// A report leaves the inbox when the gateway has answered, and a question to the gateway is never
    /// given up: whoever goes on from here delivers the rest, each once.
    pub(crate) async fn deliver_all(&self, host: &Host, course: &Course) -> bool {
        loop {
            let report = {
                let rests = pin!(course.rests());
                match select(rests, pin!(self.first())).await {
                    Either::Right((Some(report), _)) => report,
                    Either::Right((None, _)) => return true,
                    Either::Left(_) => return false,
                }
            };
            let delivered = match &report {
                Report::Message(message) => deliver(host, message, course).await,
                Report::Status(status) => Some(host.report_status(status).await),
            };
            let Some(delivered) = delivered else { return false };
            self.0.change(|state| {
                state.reports.pop_front();
                state.undelivered += u64::from(delivered.is_err());
            });
            if let Err(error) = delivered {
                warn!(code = error.code(), "the gateway did not take a report: {error}");
            }
        }
    }

    async fn first(&self) -> Option<Report> {
        let first = self.0.until(|state| match state.reports.front() {
            Some(report) => Some(Some(report.clone())),
            None => state.closed.then_some(None),
        });
        first.await
    }
}

/// Hands a message over, with patience for a gateway that cannot take it now. `None` when the account
/// is to rest before that is over.
async fn deliver(
    host: &Host,
    message: &InboundMessage,
    course: &Course,
) -> Option<Result<(), Error>> {
    let mut tries = 1;
    loop {
        let error = match host.deliver(message).await {
            Ok(()) => return Some(Ok(())),
            Err(error) => error,
        };
        let may_pass = matches!(error.class(), class::UNAVAILABLE | class::EXHAUSTED);
        if !may_pass || tries == TRIES {
            return Some(Err(error));
        }
        tries += 1;
        let rests = pin!(course.rests());
        let waits = pin!(host.sleep(error.retry_after_hint().unwrap_or(PATIENCE)));
        if let Either::Left(_) = select(rests, waits).await {
            return None;
        }
    }
}

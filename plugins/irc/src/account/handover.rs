//! An account at rest as plain data, and back.

use super::{Account, Course, Ended, Inbox, Outbox, SentMemory, State, Ticket, outbox::Job};
use crate::{
    memory::Memory,
    settings::AccountSettings,
    signal::Signal,
    state::{SavedAccount, SavedTicket},
};
use loader_sdk::prelude::*;
use std::sync::{Arc, PoisonError};

impl Account {
    /// Lets the account stand still between two lines and between two reports, and waits until it does.
    /// Nothing is said to the server, and the host keeps the connection.
    pub(crate) async fn rest(&self) {
        self.course.rest().await;
    }

    /// Ends the rest: the account goes on as if there had been none.
    pub(crate) fn go_on(&self) {
        self.course.go_on();
    }

    /// Ends the account without a word to anybody: another one goes on in its place.
    pub(crate) fn give_way(&self) {
        self.course.leave();
    }

    /// What another one goes on from, of an account at rest.
    pub(crate) fn save(&self) -> SavedAccount {
        self.state.look(|state| SavedAccount {
            config: self.config.clone(),
            status: state.status.clone(),
            room: state.room,
            online_since_ns: state.online_since_ns,
            overlong_lines: state.overlong_lines,
            jobs: self.outbox.jobs(),
            reports: self.inbox.reports(),
            undelivered: self.inbox.undelivered(),
            progress: self.course.progress(),
        })
    }

    /// The account that goes on from there, once it is [resumed](Self::resume).
    pub(crate) fn restore(
        host: Host,
        name: &str,
        saved: SavedAccount,
        memory: SentMemory,
    ) -> Result<Arc<Self>> {
        let settings = AccountSettings::read(name, saved.config.clone())?;
        let talks = saved.progress.as_ref().is_some_and(|progress| progress.talk.is_some());
        let outbox = if talks {
            let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            let jobs = saved.jobs.into_iter().map(|job| {
                let ticket = memory.recall(&job.key).cloned();
                Job::resume(job, ticket)
            });
            Outbox::resume(jobs.collect())
        } else {
            Outbox::new()
        };
        Ok(Arc::new(Self {
            host,
            name: name.to_owned(),
            settings,
            config: saved.config,
            state: Signal::new(State {
                status: saved.status,
                room: saved.room,
                connection: None,
                online_since_ns: saved.online_since_ns,
                overlong_lines: saved.overlong_lines,
            }),
            outbox,
            inbox: Inbox::new(saved.reports, saved.undelivered),
            memory,
            course: Course::from(saved.progress),
        }))
    }

    /// Starts the task of an account that was restored.
    pub(crate) fn resume(self: &Arc<Self>) {
        let account = self.clone();
        self.host.spawn(async move {
            let _ended = Ended(&account);
            account.live().await;
        });
    }
}

/// What was sent, as plain data.
pub(crate) fn save_memory(memory: &SentMemory) -> Vec<SavedTicket> {
    let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    let tickets = memory.iter().map(|(key, ticket)| SavedTicket {
        key: key.to_owned(),
        outcome: ticket.look(|outcome| *outcome),
    });
    tickets.collect()
}

/// The same as it was.
pub(crate) fn restore_memory(tickets: Vec<SavedTicket>) -> SentMemory {
    let mut memory = Memory::default();
    for SavedTicket { key, outcome } in tickets {
        memory.remember(&key, Ticket::new(Signal::new(outcome)));
    }
    SentMemory::new(memory.into())
}

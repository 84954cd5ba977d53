//! Lines that wait to be written at the pace of flood control, and what became of them.
//!
//! A line counts as *written* once the connection's writer has accepted it: from then on it may be
//! on the wire, so it is never said again.

use crate::{signal::Signal, state::SavedJob};
use loader_sdk::schemars;
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, mem, sync::Arc};

/// How many jobs wait at most.
const CAPACITY: usize = 64;

/// How many jobs may wait for a line that may as well be left out to be let in.
const CALM: usize = 4;

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub(crate) enum Outcome {
    /// Every line was written; so many they were.
    Sent(usize),
    /// The connection was lost before the first line was written.
    Nothing,
    /// The connection was lost after this many lines.
    Partly(usize),
}

/// Where the outcome of a job appears.
pub(crate) type Ticket = Arc<Signal<Option<Outcome>>>;

/// Lines that belong together. A job that is dropped before its end says how far it came.
pub(crate) struct Job {
    lines: Vec<String>,
    written: usize,
    /// The idempotency key, if any.
    key: String,
    ticket: Option<Ticket>,
}

impl Job {
    /// Lines that somebody waits for.
    pub(crate) fn new(lines: Vec<String>, key: &str, ticket: Ticket) -> Self {
        Self { lines, written: 0, key: key.to_owned(), ticket: Some(ticket) }
    }

    /// Lines that nobody waits for.
    pub(crate) fn unattended(lines: Vec<String>) -> Self {
        Self { lines, written: 0, key: String::new(), ticket: None }
    }

    /// Goes on with a job that another outbox had not finished.
    pub(crate) fn resume(saved: SavedJob, ticket: Option<Ticket>) -> Self {
        Self { lines: saved.lines, written: saved.written, key: saved.key, ticket }
    }

    fn save(&self) -> SavedJob {
        SavedJob { lines: self.lines.clone(), written: self.written, key: self.key.clone() }
    }

    /// The line to write next.
    fn line(&self) -> Option<&str> {
        self.lines.get(self.written).map(String::as_str)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let outcome = match self.written {
            written if written == self.lines.len() => Outcome::Sent(written),
            0 => Outcome::Nothing,
            written => Outcome::Partly(written),
        };
        ticket.change(|settled| *settled = Some(outcome));
    }
}

/// Why a job was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declined {
    /// There is no connection.
    Closed,
    /// Too many jobs wait.
    Full,
}

/// The jobs of one account. Closed while there is no connection.
pub(crate) struct Outbox(Signal<State>);

#[derive(Default)]
struct State {
    open: bool,
    /// The job that is being written.
    current: Option<Job>,
    jobs: VecDeque<Job>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self(Signal::new(State::default()))
    }

    /// An outbox with what another one had not written on a connection that is still there.
    pub(crate) fn resume(jobs: Vec<Job>) -> Self {
        Self(Signal::new(State { open: true, current: None, jobs: jobs.into() }))
    }

    /// What is not written yet.
    pub(crate) fn jobs(&self) -> Vec<SavedJob> {
        self.0.look(|state| state.current.iter().chain(&state.jobs).map(Job::save).collect())
    }

    /// There is a connection.
    pub(crate) fn open(&self) {
        self.0.change(|state| state.open = true);
    }

    /// The connection is gone, and the jobs that waited for it with it.
    pub(crate) fn close(&self) {
        let jobs = self.0.change(|state| {
            state.open = false;
            (state.current.take(), mem::take(&mut state.jobs))
        });
        // Dropped without the lock: each tells whoever waits for it.
        drop(jobs);
    }

    /// Adds a job behind the others.
    pub(crate) fn push(&self, job: Job) -> Result<(), Declined> {
        self.push_below(CAPACITY, job)
    }

    /// Adds a line if there is little to do.
    pub(crate) fn offer(&self, line: String) -> Result<(), Declined> {
        self.push_below(CALM, Job::unattended(vec![line]))
    }

    fn push_below(&self, limit: usize, job: Job) -> Result<(), Declined> {
        self.0.change(|state| match (state.open, state.jobs.len() < limit) {
            (false, _) => Err(Declined::Closed),
            (true, false) => Err(Declined::Full),
            (true, true) => {
                state.jobs.push_back(job);
                Ok(())
            }
        })
    }

    /// The line to write next, when there is one. It is the next one until it is
    /// [written](Self::written).
    pub(crate) async fn line(&self) -> String {
        loop {
            let next = self.0.until(|state| {
                let job = state.current.take().or_else(|| state.jobs.pop_front())?;
                let Some(line) = job.line().map(str::to_owned) else { return Some(Err(job)) };
                state.current = Some(job);
                Some(Ok(line))
            });
            // A job that is over is dropped without the lock, as in `close`.
            if let Ok(line) = next.await {
                return line;
            }
        }
    }

    /// The line that was the next is written.
    pub(crate) fn written(&self) {
        let over = self.0.change(|state| {
            let job = state.current.as_mut()?;
            job.written += 1;
            if job.line().is_some() { None } else { state.current.take() }
        });
        drop(over);
    }
}

//! Lines that wait to be written at the pace of flood control, and what became of them.
//!
//! A line counts as *written* once the connection's writer has accepted it: from then on it may be
//! on the wire, so it is never said again.

use crate::signal::Signal;
use std::{collections::VecDeque, mem, sync::Arc};

/// How many jobs wait at most.
const CAPACITY: usize = 64;

/// How many jobs may wait for a line that may as well be left out to be let in.
const CALM: usize = 4;

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    ticket: Option<Ticket>,
}

impl Job {
    /// Lines that somebody waits for.
    pub(crate) fn new(lines: Vec<String>, ticket: Ticket) -> Self {
        Self { lines, written: 0, ticket: Some(ticket) }
    }

    /// Lines that nobody waits for.
    pub(crate) fn unattended(lines: Vec<String>) -> Self {
        Self { lines, written: 0, ticket: None }
    }

    /// The line to write next.
    pub(crate) fn line(&self) -> Option<&str> {
        self.lines.get(self.written).map(String::as_str)
    }

    /// The line was written.
    pub(crate) fn advance(&mut self) {
        self.written += 1;
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
    jobs: VecDeque<Job>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self(Signal::new(State::default()))
    }

    /// There is a connection.
    pub(crate) fn open(&self) {
        self.0.change(|state| state.open = true);
    }

    /// The connection is gone, and the jobs that waited for it with it.
    pub(crate) fn close(&self) {
        let jobs = self.0.change(|state| {
            state.open = false;
            mem::take(&mut state.jobs)
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

    /// The next job, when there is one.
    pub(crate) async fn next(&self) -> Job {
        self.0.until(|state| state.jobs.pop_front()).await
    }
}

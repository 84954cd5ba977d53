//! What was reloaded, why, how, and what came of it.

use super::{State, Verdict};
use crate::{diagnostic::Diagnostic, moment};
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};
use tokio::sync::{broadcast, watch};

/// How many reloads are remembered.
const REMEMBERED: usize = 256;

/// The state of one that waits for the reload, or the stop, before it.
const WAITING: &str = "waiting";

/// How many changes a slow listener may fall behind before it misses some.
const BEHIND: usize = 256;

/// Every reload since the engine started; of many, the newest.
pub struct Ledger {
    entries: Mutex<Entries>,
    changes: broadcast::Sender<Reload>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct Entries {
    last: u64,
    reloads: VecDeque<Reload>,
}

/// One reload.
#[derive(Debug, Clone, Serialize)]
pub struct Reload {
    /// Its number, from 1.
    pub id: u64,
    /// The plugin.
    pub plugin: String,
    /// Why.
    pub cause: Cause,
    /// When it began, in milliseconds since 1970.
    pub began_ms: u64,
    /// The generation that served when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Life>,
    /// The generation that was to serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Life>,
    /// What is being done, or `waiting`, or `over`.
    pub state: &'static str,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// What came of it, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What went wrong, and what was noticed.
    pub findings: Vec<Diagnostic>,
    /// From the beginning to the publication, or to the decision against it, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_us: Option<u64>,
    #[serde(skip)]
    began: Instant,
}

/// Why a plugin is reloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Somebody asked for it.
    Requested,
    /// Its files changed.
    Files,
    /// Its configuration changed.
    Configuration,
    /// All its threads are stuck.
    Stuck,
}

/// One generation as the ledger names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Life {
    /// Its number.
    pub generation: u64,
    /// The plugin's version.
    pub version: String,
    /// The digest of its library.
    pub digest: String,
}

/// One step of a reload.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// What was done.
    pub name: &'static str,
    /// When, in microseconds after the reload began.
    pub at_us: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// How it went.
    pub went: &'static str,
}

impl Reload {
    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        self.state == State::Over.name()
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            changes: broadcast::Sender::new(BEHIND),
            version: watch::Sender::new(0),
        }
    }
}

impl Ledger {
    /// The reloads that are remembered, the oldest first.
    pub fn list(&self) -> Vec<Reload> {
        self.entries().reloads.iter().cloned().collect()
    }

    /// One reload.
    pub fn get(&self, id: u64) -> Option<Reload> {
        self.entries().find(id).cloned()
    }

    /// Every change from now on: a reload as it is after each step.
    pub fn changes(&self) -> broadcast::Receiver<Reload> {
        self.changes.subscribe()
    }

    /// Waits until it is known what came of a reload; `None` when it is not remembered.
    pub async fn decided(&self, id: u64) -> Option<Reload> {
        self.wait(id, |reload| reload.verdict.is_some()).await
    }

    /// Waits until nothing is left to do for a reload; `None` when it is not remembered.
    pub async fn over(&self, id: u64) -> Option<Reload> {
        self.wait(id, Reload::is_over).await
    }

    /// Waits until a reload has published its fresh generation, or will not.
    pub async fn published(&self, id: u64) -> Option<Reload> {
        self.wait(id, |reload| reload.decided_us.is_some()).await
    }

    async fn wait(&self, id: u64, is_so: impl Fn(&Reload) -> bool) -> Option<Reload> {
        let mut version = self.version.subscribe();
        loop {
            let reload = self.get(id)?;
            if is_so(&reload) {
                return Some(reload);
            }
            version.changed().await.ok()?;
        }
    }

    /// Begins an entry.
    pub(crate) fn begin(&self, plugin: &str, cause: Cause) -> u64 {
        let mut entries = self.entries();
        entries.last += 1;
        let id = entries.last;
        entries.reloads.push_back(Reload {
            id,
            plugin: plugin.to_owned(),
            cause,
            began_ms: moment::now_ms(),
            from: None,
            to: None,
            state: WAITING,
            steps: Vec::new(),
            verdict: None,
            findings: Vec::new(),
            decided_us: None,
            began: Instant::now(),
        });
        while entries.reloads.len() > REMEMBERED {
            // One that goes on is remembered.
            let Some(first_over) = entries.reloads.iter().position(Reload::is_over) else { break };
            entries.reloads.remove(first_over);
        }
        id
    }

    /// Writes into an entry, and tells of it.
    pub(crate) fn write(&self, id: u64, change: impl FnOnce(&mut Reload)) {
        let mut entries = self.entries();
        let Some(reload) = entries.reloads.iter_mut().rev().find(|reload| reload.id == id) else {
            return;
        };
        change(reload);
        if self.changes.receiver_count() > 0 {
            let _ = self.changes.send(reload.clone());
        }
        drop(entries);
        self.version.send_modify(|version| *version += 1);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Entries {
    fn find(&self, id: u64) -> Option<&Reload> {
        self.reloads.iter().rev().find(|reload| reload.id == id)
    }
}

impl Reload {
    /// Notes a step that began `took` ago.
    pub(crate) fn note(&mut self, state: State, took: Duration, went: &'static str) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let now = self.began.elapsed();
        self.steps.push(Step {
            name: state.name(),
            at_us: micros(now.saturating_sub(took)),
            took_us: micros(took),
            went,
        });
    }

    /// Notes that it is known which generation serves.
    pub(crate) fn decide(&mut self) {
        let elapsed = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.decided_us.get_or_insert(elapsed);
    }
}

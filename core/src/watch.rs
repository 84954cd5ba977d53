//! Says when to look again at plugin folders and single files, and at which: those that changed and
//! are at rest. What the change means, it does not say.
//!
//! What the system tells of changes is a hint and no more: it makes a thread look, a little sooner
//! than it would have anyway. So lost events, folders that were exchanged, and systems that tell
//! nothing cost time and never a change. What is said rests on looks alone: a file is at rest when
//! nothing about it changed for a while and its tables fit into it (see `settling`).

mod eyes;
mod hints;
mod limits;
mod look;
mod plan;
mod settling;
mod tracker;

use crate::diagnostic::Diagnostic;
use hints::{Hints, Near, Wide};
use plan::Plan;
use settling::Patience;
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tracker::Tracker;

/// What to watch. Every path is absolute and, above the file itself, without symbolic links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// Folders that plugin folders lie in. Plugin folders in them that `folders` does not name are
    /// watched too: new ones, and such as nothing could be read of.
    pub roots: BTreeSet<PathBuf>,
    /// Plugin folders, and the files of each that count, by their paths in it. `plugin.toml` always
    /// does.
    pub folders: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// Single files.
    pub files: BTreeSet<PathBuf>,
}

/// How to watch.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long nothing about a file may have changed before it is at rest.
    pub settle: Duration,
    /// The same for a file that was renamed into place, or that its writer has closed.
    pub settle_finished: Duration,
    /// How often everything is looked at, whatever the system tells.
    pub tick: Duration,
    /// The same where the system does not tell of every change.
    pub poll: Duration,
    /// How long after a refusal the system is asked again.
    pub retry: Duration,
    /// Whether the system is not asked at all, for file systems that tell nothing.
    pub poll_only: bool,
}

/// Looks until it is dropped.
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(100),
            settle_finished: Duration::from_millis(20),
            tick: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            retry: Duration::from_secs(30),
            poll_only: false,
        }
    }
}

impl Options {
    fn patience(&self) -> Patience {
        Patience { finished: self.settle_finished, written: self.settle }
    }
}

impl Watch {
    /// Begins to watch, on a thread of its own.
    ///
    /// Everything that comes to rest is reported once at the beginning, since nobody knows what
    /// happened before. So a program that watches first and looks when it is told misses nothing.
    pub fn start(targets: Targets, options: Options) -> Result<Self, Diagnostic> {
        let shared = Arc::new(Shared::default());
        shared.state().targets = Some(targets);
        let tracker = Tracker::new(Arc::clone(&shared), options);
        let thread = thread::Builder::new().name("watch".into()).spawn(|| tracker.run());
        let thread = thread.map_err(|error| {
            let message =
                format!("plugin files are not watched: no thread can be started: {error}");
            Diagnostic::error("LDR-WATCH-THREAD", message)
                .hint("raise the limit of processes (ulimit -u), then start again")
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Watches these from now on. Files that were not watched before are reported once they are at
    /// rest, like at the beginning.
    pub fn retarget(&self, targets: Targets) {
        self.shared.state().targets = Some(targets);
        self.shared.wake.notify_one();
    }

    /// What changed and is at rest since the last time, waiting for something: plugin folders, and
    /// single files. Only what is named may be looked at; anything else may be half written.
    ///
    /// For one waiter. Dropping the future loses nothing.
    pub async fn changed(&self) -> BTreeSet<PathBuf> {
        loop {
            let changed = mem::take(&mut self.shared.state().changed);
            if !changed.is_empty() {
                return changed;
            }
            self.shared.news.notified().await;
        }
    }

    /// Why the system does not tell of changes at the moment, if it does not.
    pub fn trouble(&self) -> Option<Diagnostic> {
        self.shared.state().trouble.clone()
    }
}

impl Drop for Watch {
    /// Waits for the thread, which at worst is in the middle of one look at everything.
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the watch, its thread and the teller of events share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    news: Notify,
    #[cfg(test)]
    sabotage: tests::Sabotage,
}

#[derive(Default)]
struct State {
    hints: Hints,
    /// Targets that are not watched yet.
    targets: Option<Targets>,
    changed: BTreeSet<PathBuf>,
    trouble: Option<Diagnostic>,
    is_over: bool,
}

/// What there is to do.
struct Turn {
    near: Near,
    wide: Option<Wide>,
    targets: Option<Targets>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event from the system.
    fn hear(&self, event: notify::Result<notify::Event>) {
        #[cfg(test)]
        if self.sabotage.strikes(&event) {
            return;
        }
        let mut state = self.state();
        let before = (state.hints.is_near(), state.hints.is_wide());
        state.hints.hear(event);
        if before != (state.hints.is_near(), state.hints.is_wide()) {
            self.wake.notify_one();
        }
    }

    /// Says which events matter.
    fn attend(&self, plan: &Plan) {
        self.state().hints.attend(plan);
    }

    /// Waits until a look is due, there are new targets, or something was heard. What takes a look
    /// at everything is not told before `rested`. Nothing means the end.
    fn wait(&self, due: Instant, rested: Instant) -> Option<Turn> {
        let mut state = self.state();
        loop {
            if state.is_over {
                return None;
            }
            let now = Instant::now();
            let until = if state.hints.is_wide() { due.min(rested) } else { due };
            if state.hints.is_near() || state.targets.is_some() || now >= until {
                let near = state.hints.take_near();
                let wide = if now >= rested { state.hints.take_wide() } else { None };
                return Some(Turn { near, wide, targets: state.targets.take() });
            }
            let waited = self.wake.wait_timeout(state, until - now);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Reports what is at rest.
    fn deliver(&self, paths: BTreeSet<PathBuf>) {
        if !paths.is_empty() {
            self.state().changed.extend(paths);
            self.news.notify_one();
        }
    }

    /// Takes back reports that nobody has heard yet.
    fn withdraw(&self, is_moving: impl Fn(&PathBuf) -> bool) -> BTreeSet<PathBuf> {
        let mut state = self.state();
        let changed = mem::take(&mut state.changed);
        let (moving, resting) = changed.into_iter().partition(is_moving);
        state.changed = resting;
        moving
    }

    /// Remembers why the system does not tell. Returns whether that is news.
    fn fail(&self, trouble: Diagnostic) -> bool {
        let mut state = self.state();
        let is_news = state.trouble.as_ref().is_none_or(|known| known.code != trouble.code);
        state.trouble = Some(trouble);
        is_news
    }

    /// The system tells again. Returns whether that is news.
    fn mend(&self) -> bool {
        self.state().trouble.take().is_some()
    }
}

#[cfg(test)]
mod tests;

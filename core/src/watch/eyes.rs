//! The system's watches on folders: added, renewed, taken back, and, where they run out, done
//! without.

use super::{Shared, limits, plan::Directory, plan::Identity};
use crate::diagnostic::Diagnostic;
use notify::{Config, Error, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::{
    collections::{BTreeMap, BTreeSet},
    io, mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{info, warn};

pub(super) struct Eyes {
    shared: Arc<Shared>,
    watcher: Option<RecommendedWatcher>,
    /// The folders that are watched, as they were when that began.
    watched: BTreeMap<PathBuf, Identity>,
    /// Folders that the system would not watch; they are not tried again before `retry_at`.
    refused: BTreeSet<PathBuf>,
    retry: Duration,
    retry_at: Option<Instant>,
}

impl Eyes {
    /// Eyes that see nothing yet. Those that a system's refusal has closed are opened again after
    /// `retry`.
    pub(super) fn new(shared: Arc<Shared>, retry: Duration) -> Self {
        let (watched, refused) = (BTreeMap::new(), BTreeSet::new());
        Self { shared, watcher: None, watched, refused, retry, retry_at: None }
    }

    /// Whether every one of these folders is watched.
    pub(super) fn see(&self, wanted: &BTreeMap<PathBuf, Directory>) -> bool {
        self.watcher.is_some() && wanted.keys().all(|path| self.watched.contains_key(path))
    }

    /// Whether events still come; they do not when the thread that tells them has died.
    pub(super) fn are_open(&mut self) -> bool {
        self.watcher.is_none() || self.answers()
    }

    /// Forgets every watch, so that all are made anew.
    pub(super) fn close(&mut self) {
        let is_alive = self.answers();
        if let Some(watcher) = self.watcher.take()
            && !is_alive
        {
            // To drop it would tell its thread to end, which panics where there is none.
            mem::forget(watcher);
        }
        self.watched.clear();
    }

    /// Forgets the watch on a folder that was moved or removed, and those below it.
    pub(super) fn lose(&mut self, folder: &Path) {
        let lost: Vec<_> =
            self.watched.keys().filter(|path| path.starts_with(folder)).cloned().collect();
        for path in lost {
            self.unwatch(&path);
        }
    }

    /// Watches these folders and no others. Returns whether one is watched that was not before:
    /// what happened in it until now was not seen.
    pub(super) fn watch(&mut self, wanted: &BTreeMap<PathBuf, Directory>, now: Instant) -> bool {
        let is_same = |path: &PathBuf, was: &Identity| {
            wanted.get(path).is_some_and(|directory| directory.identity == *was)
        };
        let gone = self.watched.iter().filter(|(path, identity)| !is_same(path, identity));
        for path in gone.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.unwatch(&path);
        }
        if self.retry_at.is_some_and(|at| now >= at) {
            self.retry_at = None;
            self.refused.clear();
        }
        let missing = wanted
            .iter()
            .filter(|(path, _)| !self.watched.contains_key(*path) && !self.refused.contains(*path));
        let missing: Vec<_> =
            missing.map(|(path, directory)| (path.clone(), directory.identity)).collect();
        let is_new = match missing.is_empty() {
            true => false,
            // There is no watcher, and it is not time to ask for one.
            false if self.watcher.is_none() && self.retry_at.is_some() => false,
            false => match self.add(missing) {
                Ok(is_new) => is_new,
                Err(trouble) => {
                    self.retry_at = Some(now + self.retry);
                    self.complain(trouble);
                    true
                }
            },
        };
        if self.watcher.is_some() && self.refused.is_empty() && self.shared.mend() {
            info!("the system tells of changes of plugin files again");
        }
        is_new
    }

    /// Watches more folders. Those that the system refuses are remembered.
    fn add(&mut self, missing: Vec<(PathBuf, Identity)>) -> Result<bool, Diagnostic> {
        if self.watcher.is_none() {
            self.open()?;
        }
        let Some(watcher) = &mut self.watcher else { return Ok(false) };
        let (mut is_new, mut trouble) = (false, None);
        for (path, identity) in missing {
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path, identity);
                    is_new = true;
                }
                // Gone meanwhile; the next plan knows it.
                Err(error) if is_gone(&error) => is_new = true,
                Err(error) => {
                    trouble = trouble.or_else(|| Some(limits::no_watch(&path, &error)));
                    self.refused.insert(path);
                }
            }
        }
        trouble.map_or(Ok(is_new), Err)
    }

    fn open(&mut self) -> Result<(), Diagnostic> {
        let shared = Arc::clone(&self.shared);
        let watcher = RecommendedWatcher::new(move |event| shared.hear(event), Config::default());
        self.watcher = Some(watcher.map_err(|error| limits::no_instance(&error))?);
        if !self.answers() {
            self.close();
            let error = Error::generic("the thread that tells of changes does not start");
            return Err(limits::no_instance(&error));
        }
        Ok(())
    }

    fn unwatch(&mut self, path: &Path) {
        self.watched.remove(path);
        if let Some(watcher) = &mut self.watcher {
            // The system, or the library, may have taken it back already.
            let _ = watcher.unwatch(path);
        }
    }

    /// Asks the thread that tells events whether it is there. This is the one question to which a
    /// dead one is an error and not a panic.
    fn answers(&mut self) -> bool {
        self.watcher.as_mut().is_some_and(|watcher| watcher.configure(Config::default()).is_ok())
    }

    fn complain(&self, trouble: Diagnostic) {
        if self.shared.fail(trouble.clone()) {
            warn!(code = trouble.code, hint = trouble.hint, "{trouble}");
        }
    }
}

fn is_gone(error: &Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

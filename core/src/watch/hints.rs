//! What events amount to: that something happened where it matters, and signs of the writers of
//! files. However many events there are, this stays as small as what is watched.

use super::{plan::Plan, settling::Sign};
use notify::{
    ErrorKind, Event,
    event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    mem,
    path::{Path, PathBuf},
};

/// The names that matter in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Names {
    /// Every one.
    All,
    /// These.
    Some(BTreeSet<OsString>),
}

/// What was heard since somebody last asked.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// What matters.
    directories: BTreeMap<PathBuf, Names>,
    files: BTreeSet<PathBuf>,
    heard: Heard,
}

/// What was heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Whether something happened that matters.
    pub(super) is_something: bool,
    /// Whether events were lost.
    pub(super) is_incomplete: bool,
    /// Watched folders that were moved or removed themselves.
    pub(super) lost: BTreeSet<PathBuf>,
    /// The last sign of each file in question.
    pub(super) signs: BTreeMap<PathBuf, Sign>,
}

impl Hints {
    /// Says what matters from now on.
    pub(super) fn attend(&mut self, plan: &Plan) {
        let directories = plan.directories.iter();
        self.directories =
            directories.map(|(path, directory)| (path.clone(), directory.names.clone())).collect();
        self.files = plan.units.values().flatten().cloned().collect();
    }

    /// What was heard since the last time.
    pub(super) fn take(&mut self) -> Heard {
        mem::take(&mut self.heard)
    }

    /// Whether there is anything to take.
    pub(super) fn is_silent(&self) -> bool {
        !self.heard.is_something && !self.heard.is_incomplete
    }

    /// Takes note of an event, or of the failure to tell one.
    pub(super) fn hear(&mut self, event: notify::Result<Event>) {
        let event = match event {
            Ok(event) if event.need_rescan() => return self.heard.is_incomplete = true,
            Ok(event) => event,
            Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => return,
            Err(_) => return self.heard.is_incomplete = true,
        };
        let sign = match event.kind {
            // To read a file, or to open it, changes nothing; the looks do it themselves.
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Sign::Finished),
            EventKind::Access(_) => return,
            // Both its halves were told before.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return,
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => Some(Sign::Written),
            EventKind::Create(_) => Some(Sign::Created),
            _ => None,
        };
        let goes = matches!(
            event.kind,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From))
        );
        for path in event.paths {
            self.heard.is_something |= self.matters(&path);
            if goes && self.directories.contains_key(&path) {
                self.heard.is_something = true;
                self.heard.lost.insert(path);
            } else if let (Some(sign), true) = (sign, self.files.contains(&path)) {
                self.heard.signs.insert(path, sign);
            }
        }
    }

    fn matters(&self, path: &Path) -> bool {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
        self.directories.get(folder).is_some_and(|names| match names {
            Names::All => true,
            Names::Some(names) => names.contains(name),
        })
    }
}

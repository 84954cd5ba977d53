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
    near: Near,
    wide: Option<Wide>,
}

/// Files in question that something happened to, and the last sign of their writers.
pub(super) type Near = BTreeMap<PathBuf, Option<Sign>>;

/// What takes a look at everything.
#[derive(Debug, Default)]
pub(super) struct Wide {
    /// Whether events were lost.
    pub(super) is_incomplete: bool,
    /// Watched folders that were moved or removed themselves.
    pub(super) lost: BTreeSet<PathBuf>,
}

impl Hints {
    /// Says what matters from now on.
    pub(super) fn attend(&mut self, plan: &Plan) {
        let directories = plan.directories.iter();
        self.directories =
            directories.map(|(path, directory)| (path.clone(), directory.names.clone())).collect();
        self.files = plan.units.values().flatten().cloned().collect();
    }

    /// What was heard of single files since the last time.
    pub(super) fn take_near(&mut self) -> Near {
        mem::take(&mut self.near)
    }

    /// What else was heard since the last time.
    pub(super) fn take_wide(&mut self) -> Option<Wide> {
        self.wide.take()
    }

    /// Whether there is something about single files.
    pub(super) fn is_near(&self) -> bool {
        !self.near.is_empty()
    }

    /// Whether there is something else.
    pub(super) fn is_wide(&self) -> bool {
        self.wide.is_some()
    }

    /// Takes note of an event, or of the failure to tell one.
    pub(super) fn hear(&mut self, event: notify::Result<Event>) {
        let event = match event {
            Ok(event) if event.need_rescan() => return self.widen().is_incomplete = true,
            Ok(event) => event,
            Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => return,
            Err(_) => return self.widen().is_incomplete = true,
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
            if self.files.contains(&path) {
                let last = self.near.entry(path).or_default();
                *last = sign.or(*last);
            } else if goes && self.directories.contains_key(&path) {
                self.widen().lost.insert(path);
            } else if self.matters(&path) {
                self.widen();
            }
        }
    }

    fn widen(&mut self) -> &mut Wide {
        self.wide.get_or_insert_default()
    }

    fn matters(&self, path: &Path) -> bool {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
        self.directories.get(folder).is_some_and(|names| match names {
            Names::All => true,
            Names::Some(names) => names.contains(name),
        })
    }
}

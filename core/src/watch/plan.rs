//! What the targets amount to on this file system at this moment: which files are in question, and
//! which folders to watch for them.

use super::{Targets, hints::Names};
use crate::manifest;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// As many files of a plugin folder that nobody has named yet are waited for, and as deep.
const MAX_FILES: usize = 256;
const MAX_DEPTH: usize = 4;

/// What to look at and what to watch.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What is reported, and the files in question for it.
    pub(super) units: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// The folders to watch, all of which exist.
    pub(super) directories: BTreeMap<PathBuf, Directory>,
}

/// A folder to watch.
#[derive(Debug)]
pub(super) struct Directory {
    /// Which folder has the name now.
    pub(super) identity: Identity,
    /// What matters in it.
    pub(super) names: Names,
}

/// Tells a folder from another one of the same name. A number alone may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
}

impl Plan {
    /// Looks at which folders there are.
    pub(super) fn draw(targets: &Targets) -> Self {
        let mut plan = Self::default();
        for (folder, files) in &targets.folders {
            let manifest = folder.join(manifest::FILE_NAME);
            let files = files.iter().map(|file| folder.join(file)).chain([manifest]);
            plan.add_named(folder, files.collect());
        }
        for file in &targets.files {
            // A link may lead to it, and its target may be exchanged under any name.
            if let Some(folder) = file.parent() {
                plan.watch(folder, &Names::All);
            }
            plan.units.insert(file.clone(), BTreeSet::from([file.clone()]));
        }
        for root in &targets.roots {
            plan.watch(root, &Names::All);
            if root.join(manifest::FILE_NAME).symlink_metadata().is_ok() {
                plan.add_unnamed(root);
                continue;
            }
            for folder in folders_in(root) {
                plan.add_unnamed(&folder);
            }
        }
        plan
    }

    fn add_named(&mut self, folder: &Path, files: BTreeSet<PathBuf>) {
        for file in &files {
            let mut here = file.as_path();
            while let (Some(parent), Some(name)) = (here.parent(), here.file_name())
                && parent.starts_with(folder)
            {
                self.watch(parent, &Names::Some(BTreeSet::from([name.to_owned()])));
                here = parent;
            }
        }
        self.units.insert(folder.to_owned(), files);
    }

    /// Adds a folder of a root that is not named. With a manifest it is a plugin, and every file of
    /// it is waited for, since somebody may be copying it; without one, only the manifest.
    fn add_unnamed(&mut self, folder: &Path) {
        if self.units.contains_key(folder) {
            return;
        }
        let manifest = folder.join(manifest::FILE_NAME);
        if manifest.symlink_metadata().is_err() {
            return self.add_named(folder, BTreeSet::from([manifest]));
        }
        let mut files = BTreeSet::from([manifest]);
        let mut queue = VecDeque::from([(folder.to_owned(), 0)]);
        while let Some((folder, depth)) = queue.pop_front() {
            self.watch(&folder, &Names::All);
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let kind = entry.file_type();
                if files.len() >= MAX_FILES {
                    break;
                } else if kind.as_ref().is_ok_and(fs::FileType::is_file) {
                    files.insert(entry.path());
                } else if kind.is_ok_and(|kind| kind.is_dir()) && depth + 1 < MAX_DEPTH {
                    queue.push_back((entry.path(), depth + 1));
                }
            }
            if files.len() >= MAX_FILES {
                break;
            }
        }
        self.units.insert(folder.to_owned(), files);
    }

    /// Watches a folder; while it does not exist, the nearest one above it for its coming.
    fn watch(&mut self, folder: &Path, names: &Names) {
        let (mut here, mut names) = (folder, names.clone());
        loop {
            if let Some(known) = self.directories.get_mut(here) {
                return known.names.join(names);
            }
            if let Some(identity) = Identity::of(here) {
                self.directories.insert(here.to_owned(), Directory { identity, names });
                return;
            }
            let (Some(parent), Some(name)) = (here.parent(), here.file_name()) else { return };
            names = Names::Some(BTreeSet::from([name.to_owned()]));
            here = parent;
        }
    }
}

impl Names {
    fn join(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (_, Self::All) => *self = Self::All,
            (Self::Some(mine), Self::Some(other)) => mine.extend(other),
        }
    }
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok().filter(fs::Metadata::is_dir)?;
        let (device, inode, born) = (found.dev(), found.ino(), found.created().ok());
        Some(Self { device, inode, born })
    }
}

/// The folders in a root that may be plugins, as discovery sees it.
fn folders_in(root: &Path) -> Vec<PathBuf> {
    let is_hidden = |name: &OsStr| matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_'));
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| {
        entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_hidden(&entry.file_name())
    });
    folders.map(|entry| entry.path()).collect()
}

//! Puts releases of plugins into a plugin folder and takes them out: whole or not at all.
//!
//! ```text
//! source ─unpack─▶ draft ─examine─▶ Prepared ─commit─▶ <root>/<id>@<version>-<digest>/ + loader.lock
//! ```
//!
//! A release is unpacked beside the others under a name that nobody looks at, examined exactly as it
//! would be before it is loaded, and tried; then it gets its own name, and then the [lock](Lock) is
//! replaced, which is the moment from which it counts. A crash at any point leaves the old lock with
//! all its folders or the new one with all of its own, and the same command run again succeeds.
//!
//! Nothing of a package is ever executed here, but by the trial that the caller passes in.

mod description;
mod examination;
mod hold;
mod prepared;

pub use description::described;
pub use prepared::Prepared;

use crate::{
    diagnostic::Diagnostic,
    durable,
    folder::{Folder, shell_word},
    manifest::RelativePath,
    moment::now,
    nearest::nearest,
    trust::{
        Mark, Records,
        lock::{Action, Installed, Linked, Lock},
    },
    vetting::{Fresh, Policy},
};
use hold::{Hold, unusable};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// How many releases of a plugin are kept besides the one in use.
const KEPT: usize = 2;

/// Opens a library where that can do no harm, before it may count. `Err` says why it must not.
pub type Trial<'a> = &'a dyn Fn(&Fresh) -> Result<(), Diagnostic>;

/// One plugin folder that releases are installed in.
pub struct Installer<'a> {
    /// The folder.
    pub root: &'a Path,
    /// What releases must satisfy.
    pub policy: &'a Policy,
    /// What this machine remembers.
    pub records: &'a Records,
    /// How libraries are tried.
    pub trial: Trial<'a>,
}

/// What the operator agrees to beforehand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// To a release that registers or requires more than the one before.
    pub accept: bool,
    /// To a release that is older than one that was installed before.
    pub allow_downgrade: bool,
}

/// What became of an installation.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The release that is in use now.
    pub release: Installed,
    /// The one that was in use before.
    pub before: Option<Installed>,
    /// Whether anything was changed: it was not if the same release was in use, whole.
    pub changed: bool,
    /// What else there is to say.
    pub warnings: Vec<Diagnostic>,
}

/// What was taken out.
#[derive(Debug, Clone)]
pub struct Removed {
    /// The releases that no longer count.
    pub releases: Vec<Installed>,
    /// What else there is to say: files that were not ours and were left.
    pub warnings: Vec<Diagnostic>,
}

impl Installer<'_> {
    /// The lock of the folder; an empty one if there is none.
    pub fn lock(&self) -> Result<Lock, Diagnostic> {
        Ok(Lock::read(self.root)?.unwrap_or_default())
    }

    /// Goes back to the release that was in use before, or to the one of this version.
    pub fn roll_back(&self, id: &str, version: Option<&str>) -> Result<Outcome, Vec<Diagnostic>> {
        let _hold = Hold::take(self.root).map_err(one)?;
        let mut lock = self.lock().map_err(one)?;
        let before = lock.current(id).cloned();
        let before = before.ok_or_else(|| vec![not_installed(id, &lock, self.root)])?;
        if version.is_some_and(|version| before.version.to_string() == version) {
            let warnings = examination::examine_kept(self, &before)?;
            let release = before.clone();
            return Ok(Outcome { release, before: Some(before), changed: false, warnings });
        }
        let target = match version {
            Some(version) => {
                let named = |release: &&Installed| {
                    release.version.to_string() == version && release.folder != before.folder
                };
                lock.releases(id).rev().find(named).cloned()
            }
            None => lock.releases(id).rev().find(|one| one.change < before.change).cloned(),
        };
        let target =
            target.ok_or_else(|| vec![nothing_kept(&lock, &before, version).at(self.root)])?;
        let warnings = examination::examine_kept(self, &target)?;
        for release in &mut lock.installed {
            if release.id == id {
                release.current = release.folder == target.folder;
            }
        }
        let (from, to) = (before.folder.clone(), target.folder.clone());
        lock.record(Action::Rollback, id, Some(from), Some(to), now());
        // What the operator goes back to is no step back any more.
        self.lower_mark(&target).map_err(one)?;
        self.put_in_force(&lock).map_err(one)?;
        Ok(Outcome { release: target, before: Some(before), changed: true, warnings })
    }

    /// Takes a plugin out, with every release of it that was kept.
    pub fn remove(&self, id: &str, keep_files: bool) -> Result<Removed, Diagnostic> {
        let _hold = Hold::take(self.root)?;
        let mut lock = self.lock()?;
        let (gone, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut lock.installed).into_iter().partition(|one| one.id == id);
        lock.installed = rest;
        if gone.is_empty() {
            // Said again, perhaps after a crash: what was asked for is so.
            let was_removed = lock.changes.iter().rev().find(|change| change.id == id);
            return match was_removed.is_some_and(|change| change.action == Action::Remove) {
                true => Ok(Removed { releases: Vec::new(), warnings: Vec::new() }),
                false => Err(not_installed(id, &lock, self.root)),
            };
        }
        let from = gone.iter().find(|one| one.current).map(|one| one.folder.clone());
        lock.record(Action::Remove, id, from, None, now());
        self.put_in_force(&lock)?;
        let warnings = match keep_files {
            true => Vec::new(),
            false => gone.iter().filter_map(|release| self.discard(release)).collect(),
        };
        Ok(Removed { releases: gone, warnings })
    }

    /// Uses a folder under development where it is.
    pub fn link(&self, folder: &Path) -> Result<Linked, Vec<Diagnostic>> {
        let _hold = Hold::take(self.root).map_err(one)?;
        let id = description::id_of(folder)?;
        let mut lock = self.lock().map_err(one)?;
        let linked = Linked { id: id.clone(), path: folder.to_owned() };
        let from = lock.linked.iter().find(|one| one.id == id);
        let from = from.map(|one| one.path.display().to_string());
        lock.linked.retain(|one| one.id != id);
        lock.linked.push(linked.clone());
        lock.linked.sort_by(|one, other| one.id.cmp(&other.id));
        lock.record(Action::Link, &id, from, Some(folder.display().to_string()), now());
        self.put_in_force(&lock).map_err(one)?;
        Ok(linked)
    }

    /// Stops using a folder under development. The folder stays.
    pub fn unlink(&self, id: &str) -> Result<Linked, Diagnostic> {
        let _hold = Hold::take(self.root)?;
        let mut lock = self.lock()?;
        let at = lock.linked.iter().position(|one| one.id == id).ok_or_else(|| {
            let message = format!("no folder is linked as `{id}`");
            Diagnostic::error("LDR-INSTALL-UNKNOWN", message)
                .at(self.root)
                .about(id)
                .hint("loader plugins list")
        })?;
        let linked = lock.linked.remove(at);
        let from = linked.path.display().to_string();
        lock.record(Action::Unlink, id, Some(from), None, now());
        self.put_in_force(&lock)?;
        Ok(linked)
    }

    /// Remembers a release as the highest if the mark forbids it. To be done before the lock names it:
    /// a crash in between must not leave a release in use that is refused.
    fn lower_mark(&self, release: &Installed) -> Result<(), Diagnostic> {
        let mark = Mark::of(release);
        match self.records.mark(&release.id) {
            Ok(Some(highest)) if highest.forbids(&mark).is_none() => Ok(()),
            Ok(None) => Ok(()),
            _ => self.records.set_mark(&release.id, &mark),
        }
    }

    /// Remembers a release as the highest if it is. To be done after the lock names it: a crash in
    /// between must not leave the release before refused.
    fn raise_mark(&self, release: &Installed) -> Result<(), Diagnostic> {
        let mark = Mark::of(release);
        match self.records.mark(&release.id) {
            Ok(Some(highest)) if highest == mark => Ok(()),
            _ => self.records.set_mark(&release.id, &mark),
        }
    }

    /// Replaces the lock: from here on it counts.
    fn put_in_force(&self, lock: &Lock) -> Result<(), Diagnostic> {
        lock.write(self.root).map_err(|error| unusable(self.root, &error))
    }

    /// Forgets releases of a plugin beyond those that are kept, and returns them.
    fn forget_surplus(lock: &mut Lock, id: &str) -> Vec<Installed> {
        let kept: Vec<u64> =
            lock.releases(id).rev().filter(|one| !one.current).map(|one| one.change).collect();
        let surplus: BTreeSet<u64> = kept.into_iter().skip(KEPT).collect();
        let (gone, rest) = std::mem::take(&mut lock.installed)
            .into_iter()
            .partition(|one| one.id == id && !one.current && surplus.contains(&one.change));
        lock.installed = rest;
        gone
    }

    /// Deletes the files of a release, and its folders if nothing else is in them.
    fn discard(&self, release: &Installed) -> Option<Diagnostic> {
        let folder = self.root.join(&release.folder);
        let mut folders = BTreeSet::from([folder.clone()]);
        for file in release.files.keys() {
            let path = file.under(&folder);
            // A link on the way would lead to files that are not ours.
            let opened = Folder::open(&folder).and_then(|folder| folder.file(file));
            if opened.is_ok() || is_link(&path) {
                let _ = fs::remove_file(&path);
            }
            let above = path.ancestors().skip(1).take_while(|above| above.starts_with(&folder));
            folders.extend(above.map(Path::to_owned));
        }
        // The deepest first: a folder sorts before what is in it.
        for folder in folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
        let _ = durable::sync_folder(self.root);
        folder.symlink_metadata().is_ok().then(|| {
            let message = "holds files that were not installed, and is left as it is";
            let hint = format!("look at them, then: rm -r {}", shell_word(&folder));
            Diagnostic::warning("LDR-INSTALL-LEFT", message).at(&folder).hint(hint)
        })
    }
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_symlink())
}

/// Syncs every folder of a tree; its files were synced when they were written.
fn sync_folders(folder: &Path, files: impl Iterator<Item = RelativePath>) -> io::Result<()> {
    let mut folders = BTreeSet::from([folder.to_owned()]);
    for file in files {
        let path: PathBuf = file.under(folder);
        let above = path.ancestors().skip(1).take_while(|above| above.starts_with(folder));
        folders.extend(above.map(Path::to_owned));
    }
    folders.iter().rev().try_for_each(|folder| durable::sync_folder(folder))
}

/// Nothing of this id is among the releases that count in a folder.
pub fn not_installed(id: &str, lock: &Lock, root: &Path) -> Diagnostic {
    let ids: Vec<&str> = lock.installed.iter().map(|release| release.id.as_str()).collect();
    let others = match lock.installed.iter().filter(|release| release.current).count() {
        0 => "nothing is".to_owned(),
        1 => "one other plugin is".to_owned(),
        count => format!("{count} other plugins are"),
    };
    let message = format!("`{}` is not installed: {others}", id.escape_debug());
    let hint = match nearest(id, ids) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "loader plugins list".to_owned(),
    };
    Diagnostic::error("LDR-INSTALL-UNKNOWN", message).at(root).about(id).hint(hint)
}

fn nothing_kept(lock: &Lock, before: &Installed, version: Option<&str>) -> Diagnostic {
    let id = &before.id;
    let others = lock.releases(id).filter(|one| one.folder != before.folder);
    let others: Vec<String> = others.map(|one| one.version.to_string()).collect();
    let message = match (version, others.is_empty()) {
        (_, true) => format!("no release of `{id}` is kept besides {}", before.version),
        (None, false) => format!("no release of `{id}` is older than {}", before.version),
        (Some(version), false) => {
            format!("`{id}` {version} is not kept; {} is", others.join(", "))
        }
    };
    let hint = format!(
        "install the release you want: loader plugins install --allow-downgrade <source>; see loader plugins history {id}"
    );
    Diagnostic::error("LDR-INSTALL-KEPT", message).about(id).hint(hint)
}

fn one(finding: Diagnostic) -> Vec<Diagnostic> {
    vec![finding]
}

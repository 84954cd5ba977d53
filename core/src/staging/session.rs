//! One process's own folder in the store, and the tidying up after processes that are gone.
//!
//! ```text
//! <state>/store/lock              held while folders come and go
//! <state>/store/<pid>-<time>/lock held as long as the process lives
//! <state>/store/<pid>-<time>/*.so its staged libraries
//! ```
//!
//! Locks are the kernel's: it releases them when a process ends, however it ends.

use crate::{
    diagnostic::Diagnostic,
    folder::{Folder, is_noexec, shell_word},
    vetting::permissions::Permissions,
};
use rustix::{
    fs::{self, FlockOperation, Mode, OFlags, StatVfsMountFlags},
    io::Errno,
    process::geteuid,
};
use std::{
    collections::BTreeSet,
    fmt::Display,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

const LOCK: &str = "lock";

/// The folder of this process.
#[derive(Debug)]
pub(super) struct Session {
    folder: PathBuf,
    store: PathBuf,
    /// Says that this process lives.
    _lock: OwnedFd,
}

impl Session {
    pub(super) fn open(state: &Path) -> Result<Self, Diagnostic> {
        let store = state.join("store");
        make_private(state, &store)?;
        let _held = lock(&store).map_err(|errno| unusable(&store, errno))?;
        remove_stale(&store);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let folder = store.join(format!("{}-{}", std::process::id(), since.as_nanos()));
        private_folder().create(&folder).map_err(|error| unusable(&folder, error))?;
        let lock = lock(&folder).map_err(|errno| unusable(&folder, errno))?;
        Ok(Self { folder, store, _lock: lock })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Session {
    /// Removes the folder, unless a library in it was kept; then the next process does.
    fn drop(&mut self) {
        let Ok(_held) = lock(&self.store) else { return };
        let _ = std::fs::remove_file(self.folder.join(LOCK));
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// Makes the store a folder that is ours alone, on a file system that runs programs.
fn make_private(state: &Path, store: &Path) -> Result<(), Diagnostic> {
    let mut builder = private_folder();
    builder.recursive(true).create(state).map_err(|error| unusable(state, error))?;
    match private_folder().create(store) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(unusable(store, error));
        }
        _ => {}
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = fs::open(store, flags, Mode::empty()).map_err(|errno| unusable(store, errno))?;
    let found = fs::fstat(&handle).map_err(|errno| unusable(store, errno))?;
    let us = geteuid().as_raw();
    if found.st_uid != us {
        let reason = format!("it belongs to user {}, and this process is user {us}", found.st_uid);
        return Err(unusable(store, reason));
    }
    fs::fchmod(&handle, Mode::RWXU).map_err(|errno| unusable(store, errno))?;
    check_way(store)?;
    let mount = fs::fstatvfs(&handle).map_err(|errno| unusable(store, errno))?;
    refuse_noexec(store, mount.f_flag)
}

/// Whoever may exchange a folder on the way to the store decides what is opened in it. What the user's
/// own group may do is left to him, since many systems give every user a group of his own.
fn check_way(store: &Path) -> Result<(), Diagnostic> {
    let folder = Folder::reach(store, store).map_err(|problem| unusable(store, problem))?;
    let findings = Permissions::new(&BTreeSet::new(), true).check(&folder.way);
    match findings.into_iter().find(Diagnostic::is_error) {
        None => Ok(()),
        Some(finding) => {
            let place = finding.place.as_ref().map_or(store, |place| &place.path);
            let reason = format!("{} {}", place.display(), finding.message);
            let refusal = unusable(store, reason);
            Err(Diagnostic { hint: finding.hint, ..refusal })
        }
    }
}

fn refuse_noexec(store: &Path, mount: StatVfsMountFlags) -> Result<(), Diagnostic> {
    if !is_noexec(mount) {
        return Ok(());
    }
    let message = "the store's file system is mounted noexec, so no library in it can be loaded";
    let hint = "choose a folder on another file system with --state-dir DIR";
    Err(Diagnostic::error("LDR-STAGE-NOEXEC", message).at(store).hint(hint))
}

fn private_folder() -> std::fs::DirBuilder {
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Waits for the lock of a folder. It is held until the answer is dropped.
fn lock(folder: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = fs::open(folder.join(LOCK), flags, Mode::RUSR | Mode::WUSR)?;
    loop {
        match fs::flock(&handle, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            other => return other.map(|()| handle),
        }
    }
}

/// Removes the folders of processes that are gone. A folder that cannot be removed does no harm and
/// is tried again next time.
fn remove_stale(store: &Path) {
    let Ok(entries) = std::fs::read_dir(store) else { return };
    for entry in entries.flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !is_alive(&entry.path()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether the process of a folder lives. A folder without a lock was left by one that ended, since
/// folders get theirs while the store's own lock is held.
fn is_alive(folder: &Path) -> bool {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match fs::open(folder.join(LOCK), flags, Mode::empty()) {
        Ok(handle) => fs::flock(&handle, FlockOperation::NonBlockingLockExclusive).is_err(),
        Err(errno) => errno != Errno::NOENT,
    }
}

fn unusable(path: &Path, reason: impl Display) -> Diagnostic {
    let message = format!("the store of staged libraries cannot be used: {reason}");
    let hint = format!(
        "make it yours alone (ls -ld {}), or choose another folder with --state-dir DIR",
        shell_word(path)
    );
    Diagnostic::error("LDR-STAGE-STORE", message).at(path).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_runs_nothing_is_refused() {
        let store = Path::new("/state/store");
        assert!(refuse_noexec(store, StatVfsMountFlags::NOSUID).is_ok());
        let refusal = refuse_noexec(store, StatVfsMountFlags::NOEXEC | StatVfsMountFlags::NOSUID);
        let refusal = refusal.expect_err("noexec");
        assert_eq!(refusal.code, "LDR-STAGE-NOEXEC");
        assert!(refusal.hint.expect("a hint").contains("--state-dir"));
    }
}

//! The right to change a plugin folder: one process at a time, and what dead ones left is gone.

use crate::{diagnostic::Diagnostic, durable::TEMPORARY, folder::shell_word};
use rustix::{
    fs::{FlockOperation, Mode, OFlags},
    io::Errno,
};
use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt as _},
    path::{Path, PathBuf},
};

/// Held while a plugin folder is changed. The kernel takes it back when the process ends.
pub(super) struct Hold {
    root: PathBuf,
    _lock: OwnedFd,
}

/// A folder that is being prepared. It goes when it is dropped, unless it was put in place.
pub(super) struct Draft(PathBuf);

impl Hold {
    /// Takes the right to change a plugin folder, which is made if it is not there.
    pub(super) fn take(root: &Path) -> Result<Self, Diagnostic> {
        let unusable = |error: io::Error| unusable(root, &error);
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o755).create(root).map_err(unusable)?;
        let path = root.join(".lock");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| unusable(errno.into()))?;
        loop {
            match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => {
                    let message = "another loader is changing the plugins in this folder";
                    let finding = Diagnostic::error("LDR-INSTALL-BUSY", message).at(root);
                    let hint = format!("wait until it is done; fuser {}", shell_word(&path));
                    return Err(finding.hint(hint));
                }
                Err(errno) => return Err(unusable(errno.into())),
            }
        }
        let hold = Self { root: root.to_owned(), _lock: lock };
        hold.sweep();
        Ok(hold)
    }

    /// Removes what is nobody's: nobody else is at work here.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
                // What cannot be removed now is in nobody's way.
                let _ = remove_all(&entry.path());
            }
        }
    }

    /// Makes an empty folder that only this user can look into.
    pub(super) fn draft(&self) -> Result<Draft, Diagnostic> {
        // One process at a time makes drafts, one at a time; the rest was swept away.
        let path = self.root.join(format!("{TEMPORARY}release"));
        let _ = remove_all(&path);
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| unusable(&self.root, &error))?;
        Ok(Draft(path))
    }
}

impl Draft {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = remove_all(&self.0);
    }
}

/// Removes a file, or a folder and all that is in it; follows no symbolic link.
fn remove_all(path: &Path) -> io::Result<()> {
    match path.symlink_metadata()?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// Why a plugin folder cannot be changed.
pub(super) fn unusable(root: &Path, error: &io::Error) -> Diagnostic {
    let word = shell_word(root);
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("free some space (df -h {word}), then run the same command again")
        }
        _ => format!("make the folder writable (ls -ld {word}), then run the same command again"),
    };
    let message =
        format!("the plugin folder cannot be changed: {error}; nothing in it has changed");
    Diagnostic::error("LDR-INSTALL-WRITE", message).at(root).hint(hint)
}

//! Which process uses a state folder now.
//!
//! The process holds a lock on the file `lock` for as long as it lives, however it ends, and writes
//! into it who it is and where it serves. What the file says counts only while it is locked.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::StateDir;
use crate::finding::Finding;

/// The most that is read of another process's note, in bytes.
const LONGEST_NOTE: u64 = 64 * 1024;

/// Who uses a state folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The process's id.
    pub(crate) pid: u32,
    /// Its command, such as `run`.
    pub(crate) command: String,
    /// The address it serves at, once it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

/// What came of claiming a state folder.
pub(crate) enum Claimed {
    /// It is ours until the claim is dropped.
    Ours(Claim),
    /// Another process has it; `None` when that one does not say who it is.
    Theirs(Option<Holder>),
}

/// The right to use a state folder.
pub(crate) struct Claim {
    file: File,
    path: PathBuf,
    holder: Holder,
}

impl StateDir {
    /// Claims the folder for this process.
    pub(crate) fn claim(&self, command: &str) -> Result<Claimed, Finding> {
        let path = self.path().join("lock");
        let file = open(&path).map_err(|error| unusable(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {
                let holder =
                    Holder { pid: std::process::id(), command: command.to_owned(), url: None };
                let mut claim = Claim { file, path, holder };
                claim.write()?;
                Ok(Claimed::Ours(claim))
            }
            Err(TryLockError::WouldBlock) => Ok(Claimed::Theirs(noted_in(&file))),
            Err(TryLockError::Error(error)) => Err(unusable(&path, &error)),
        }
    }

    /// Who uses the folder, if anybody does; claims nothing.
    pub(crate) fn holder(&self) -> Result<Option<Holder>, Finding> {
        let path = self.path().join("lock");
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| unusable(&path, &error))?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(noted_in(&file)),
            Err(TryLockError::Error(error)) => Err(unusable(&path, &error)),
        }
    }
}

/// Who the process that has the lock says it is.
fn noted_in(file: &File) -> Option<Holder> {
    let mut note = String::new();
    file.take(LONGEST_NOTE).read_to_string(&mut note).ok()?;
    serde_json::from_str(&note).ok()
}

impl Claim {
    /// Tells other processes the address this one serves at.
    pub(crate) fn announce(&mut self, url: &str) -> Result<(), Finding> {
        self.holder.url = Some(url.to_owned());
        self.write()
    }

    fn write(&mut self) -> Result<(), Finding> {
        let note = serde_json::json!(self.holder).to_string();
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(note.as_bytes())
        };
        write().map_err(|error| unusable(&self.path, &error))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let no_links = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).custom_flags(no_links).open(path)
}

fn unusable(path: &Path, error: &io::Error) -> Finding {
    Finding::error("LDR-STATE-LOCK", format!("cannot lock the state folder: {error}"))
        .at(path)
        .hint("name a folder on a local disk that can be written to with `--state-dir DIR`")
}

/// The state folder is in use and cannot be shared.
impl From<Option<Holder>> for Finding {
    fn from(holder: Option<Holder>) -> Self {
        let message = match &holder {
            Some(Holder { pid, command, url: Some(url) }) => {
                format!("`loader {command}` (process {pid}) serves at {url} with this state folder")
            }
            Some(Holder { pid, command, url: None }) => {
                format!("`loader {command}` (process {pid}) is using this state folder")
            }
            None => "another process is using this state folder".to_owned(),
        };
        let hint = match &holder {
            Some(Holder { pid, .. }) => {
                format!("stop it with `kill {pid}`, or name another folder with `--state-dir DIR`")
            }
            None => "name another folder with `--state-dir DIR`".to_owned(),
        };
        Self::error("LDR-STATE-BUSY", message).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_who_says_who_it_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = StateDir::open(folder.path()).expect("it is private");
        let claim = || state.claim("run").expect("the lock works");
        let Claimed::Ours(mut ours) = claim() else { panic!("nobody else has it") };
        let pid = std::process::id();
        let Claimed::Theirs(Some(holder)) = claim() else { panic!("it is claimed") };
        assert_eq!(holder, Holder { pid, command: "run".to_owned(), url: None });
        ours.announce("http://127.0.0.1:7280").expect("it can be written");
        let Claimed::Theirs(Some(holder)) = claim() else { panic!("it is claimed") };
        assert_eq!(holder.url.as_deref(), Some("http://127.0.0.1:7280"));
        assert_eq!(state.holder().expect("the lock works"), Some(holder));
        drop(ours);
        assert_eq!(state.holder().expect("the lock works"), None);
        let Claimed::Ours(_) = claim() else { panic!("it was let go") };
    }
}

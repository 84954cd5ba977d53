//! What this machine remembers about plugins, besides their files: one small file for each fact.
//!
//! ```text
//! <state>/trust/denied/<digest>        bytes that never run any more
//! <state>/trust/quarantine/<digest>    bytes that crashed or hung when they were tried, or crashed the program
//! <state>/trust/probed/<digest>        bytes that were tried and opened, and by which host
//! <state>/trust/crashes/of-nobody      when the program crashed outside of every plugin
//! <state>/trust/marks/<id>             the highest release that was ever installed
//! ```
//!
//! A command writes facts while a gateway reads them, without a lock: each file is there whole or not
//! at all. Where a fact speaks *against* bytes, its file's existence is enough, so that damage to its
//! content never lets anything through.

use super::QuarantineRecord;
use crate::{crash, diagnostic::Diagnostic, digest::Digest, durable, folder::shell_word};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

/// What never runs any more.
const DENIED: &str = "denied";

/// What did damage when it was tried.
pub(super) const QUARANTINE: &str = "quarantine";

/// What this machine remembers. Cheap to clone; every question reads the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    folder: PathBuf,
    /// The names of all facts of some kinds, if they were read beforehand.
    names: BTreeMap<&'static str, BTreeSet<OsString>>,
    /// The crashes that no start has read yet, once they were asked for.
    unread: Arc<OnceLock<Vec<(Digest, QuarantineRecord)>>>,
}

/// Why bytes never run any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DenialRecord {
    /// The reason, one line.
    pub reason: String,
    /// When it was said, in seconds since 1970.
    pub since: u64,
}

impl Records {
    /// The records in a state folder, which need not exist.
    pub fn of(state: &Path) -> Self {
        Self { folder: state.join("trust"), names: BTreeMap::new(), unread: Arc::default() }
    }

    /// The same for one who asks about many plugins at about this moment: what speaks against nothing now
    /// is not looked for again.
    pub(crate) fn listed(self) -> Self {
        let names = |kind| {
            let names = match fs::read_dir(self.folder.join(kind)) {
                Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect(),
                Err(error) if is_nothing(&error) => Ok(BTreeSet::new()),
                Err(error) => Err(error),
            };
            // Where they cannot be listed, each is looked for.
            io::Result::ok(names).map(|names| (kind, names))
        };
        // A start moves crashes into quarantine: first those that none has read, so that none is missed.
        self.unread();
        Self { names: [DENIED, QUARANTINE].into_iter().filter_map(names).collect(), ..self }
    }

    /// What crashed the program and no start has read yet.
    pub(super) fn unread(&self) -> &[(Digest, QuarantineRecord)] {
        let state = self.folder.parent().unwrap_or(&self.folder);
        self.unread.get_or_init(|| crash::unread(state))
    }

    /// When the program crashed outside of every plugin, in seconds since 1970. What cannot be read is
    /// not known.
    pub fn crashes_of_nobody(&self) -> Vec<u64> {
        self.read("crashes", "of-nobody").ok().flatten().unwrap_or_default()
    }

    /// Remembers when the program crashed outside of every plugin.
    pub(crate) fn remember_crashes_of_nobody(&self, times: &[u64]) -> Result<(), Diagnostic> {
        self.write("crashes", "of-nobody", &times)
    }

    /// Why these bytes never run any more; `None` when they may.
    pub fn denial(&self, digest: Digest) -> Option<DenialRecord> {
        self.against(DENIED, &digest.to_string())
    }

    /// The folder whose content says which bytes never run any more.
    pub(crate) fn denials(&self) -> PathBuf {
        self.folder.join(DENIED)
    }

    /// Remembers that these bytes never run any more.
    pub fn deny(&self, digest: Digest, record: &DenialRecord) -> Result<(), Diagnostic> {
        self.write(DENIED, &digest.to_string(), record)
    }

    /// Forgets a denial. Says whether there was one.
    pub fn allow(&self, digest: Digest) -> Result<bool, Diagnostic> {
        self.remove(DENIED, &digest.to_string())
    }

    /// The file of a fact.
    pub(super) fn path(&self, kind: &str, name: &str) -> PathBuf {
        self.folder.join(kind).join(name)
    }

    /// A fact that speaks against something: any file of the name counts, whatever is in it, and so
    /// does one that cannot be looked at.
    pub(super) fn against<Fact: DeserializeOwned + Default>(
        &self,
        kind: &str,
        name: &str,
    ) -> Option<Fact> {
        if self.names.get(kind).is_some_and(|names| !names.contains(OsStr::new(name))) {
            return None;
        }
        match fs::read(self.path(kind, name)) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if is_nothing(&error) => None,
            Err(_) => Some(Fact::default()),
        }
    }

    /// A fact as it was written; `None` when there is none. Damage is an error: the caller decides
    /// what it is worth.
    pub(super) fn read<Fact: DeserializeOwned>(
        &self,
        kind: &str,
        name: &str,
    ) -> io::Result<Option<Fact>> {
        match fs::read(self.path(kind, name)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every name of a kind for which there is a fact, sorted.
    pub(super) fn names(&self, kind: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join(kind)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    pub(super) fn write<Fact: Serialize>(
        &self,
        kind: &str,
        name: &str,
        fact: &Fact,
    ) -> Result<(), Diagnostic> {
        let folder = self.folder.join(kind);
        let path = folder.join(name);
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        let mut text = serde_json::to_vec_pretty(fact).unwrap_or_default();
        text.push(b'\n');
        let written = private.create(&folder).and_then(|()| durable::write(&path, &text));
        written.map_err(|error| unwritable(&path, &error))
    }

    pub(super) fn remove(&self, kind: &str, name: &str) -> Result<bool, Diagnostic> {
        let path = self.path(kind, name);
        let existed = path.symlink_metadata().is_ok();
        durable::remove(&path).map_err(|error| unwritable(&path, &error))?;
        Ok(existed)
    }
}

/// Whether nothing is there, or no folder of the name in which it would be.
fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unwritable(path: &Path, error: &io::Error) -> Diagnostic {
    let folder = shell_word(path.ancestors().nth(2).unwrap_or(path));
    Diagnostic::error(
        "LDR-TRUST-WRITE",
        format!("what is remembered about plugins cannot be written: {error}"),
    )
    .at(path)
    .hint(format!("make the folder writable (ls -ld {folder}), or choose another --state-dir"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_outlives_damage_and_ends_when_it_is_taken_back() {
        let state = tempfile::tempdir().expect("a folder");
        let records = Records::of(state.path());
        let digest = Digest::of(b"bytes");
        assert_eq!(records.denial(digest), None);
        let record = DenialRecord { reason: "stolen key".into(), since: 7 };
        records.deny(digest, &record).expect("written");
        assert_eq!(records.denial(digest), Some(record));
        fs::write(records.denials().join(digest.to_string()), b"\0").expect("damage");
        assert_eq!(records.denial(digest), Some(DenialRecord::default()));
        assert!(records.allow(digest).expect("removed"));
        assert!(!records.allow(digest).expect("nothing to remove"));
        assert_eq!(records.denial(digest), None);
    }
}

//! What was found in libraries whose files have not changed since: so that looking at a thousand plugins
//! does not read all of their bytes each time.
//!
//! Only those who look use it. What is loaded, installed or diagnosed is read anew, every byte of it, and
//! nothing that is written here lets anything run. A file counts as unchanged when the system says the same
//! device, inode, size, and times of both its content and its status; no ordinary user can set the last
//! one back. What changed within the last moments before it was looked at is not remembered, since it could
//! change again within the same tick of the clock.

use crate::{digest::Digest, durable, folder::Opened};
use loader_abi::facts::Facts;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// How long a file must have been left alone.
const SETTLED: Duration = Duration::from_secs(2);

/// The version of the file's format.
const FORMAT: u32 = 1;

/// What was found in one library that has no defect.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Finding {
    /// The digest of its bytes.
    pub(super) digest: Digest,
    /// What it says about itself.
    pub(super) facts: Facts,
}

/// What was found before, and what is found now.
#[derive(Debug)]
pub struct Known {
    path: PathBuf,
    judge: String,
    before: BTreeMap<String, Finding>,
    state: State,
    now: Mutex<BTreeMap<String, Finding>>,
}

/// Whether what was found before counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "reason")]
pub enum State {
    /// It does.
    Fresh,
    /// It does not, and why.
    Stale(String),
}

#[derive(Serialize, Deserialize)]
struct Document {
    index: u32,
    /// Which host found it, and by which rules.
    judge: String,
    libraries: BTreeMap<String, Finding>,
}

impl Known {
    /// Reads what was found before by the same host with the same rules. Whatever is wrong with the file,
    /// everything is looked at anew.
    pub(crate) fn open(state: &Path, judge: String) -> Self {
        let path = state.join("index.json");
        let (before, state) = match fs::read(&path) {
            Err(error) => (BTreeMap::new(), State::Stale(format!("it cannot be read: {error}"))),
            Ok(bytes) => match serde_json::from_slice::<Document>(&bytes) {
                Err(error) => (BTreeMap::new(), State::Stale(format!("it is damaged: {error}"))),
                Ok(document) if document.index != FORMAT => {
                    (BTreeMap::new(), State::Stale(format!("it has format {}", document.index)))
                }
                Ok(document) if document.judge != judge => {
                    let reason = format!("`{}` wrote it", document.judge.escape_debug());
                    (BTreeMap::new(), State::Stale(reason))
                }
                Ok(document) => (document.libraries, State::Fresh),
            },
        };
        Self { path, judge, before, state, now: Mutex::default() }
    }

    /// Whether what was found before counts.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// What was found in this file, if it has not changed since.
    pub(super) fn recall(&self, opened: &Opened) -> Option<Finding> {
        let finding = self.before.get(&fingerprint(opened)?)?.clone();
        self.remember(opened, &finding);
        Some(finding)
    }

    /// Remembers what was found in a file, if it has been left alone for long enough.
    pub(super) fn remember(&self, opened: &Opened, finding: &Finding) {
        let Some(fingerprint) = fingerprint(opened) else { return };
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.insert(fingerprint, finding.clone());
    }

    /// Writes down what was found, if that is news. That it cannot be written is no matter.
    pub(crate) fn save(self) {
        let libraries = self.now.into_inner().unwrap_or_else(PoisonError::into_inner);
        let is_same = libraries.len() == self.before.len()
            && libraries.keys().all(|key| self.before.contains_key(key));
        if is_same && self.state == State::Fresh {
            return;
        }
        let document = Document { index: FORMAT, judge: self.judge, libraries };
        if let Ok(bytes) = serde_json::to_vec(&document) {
            let _ = durable::write(&self.path, &bytes);
        }
    }
}

/// What the system says of a file; `None` when it changed only just now.
fn fingerprint(opened: &Opened) -> Option<String> {
    let found = &opened.chain.last()?.found;
    let changed = Duration::new(
        u64::try_from(found.st_ctime).ok()?,
        u32::try_from(found.st_ctime_nsec).ok()?,
    );
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (now.checked_sub(changed)? >= SETTLED).then(|| {
        format!(
            "{}:{}:{}:{}.{}:{}.{}",
            found.st_dev,
            found.st_ino,
            found.st_size,
            found.st_mtime,
            found.st_mtime_nsec,
            found.st_ctime,
            found.st_ctime_nsec
        )
    })
}

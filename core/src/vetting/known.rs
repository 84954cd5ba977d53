//! What was found in libraries whose files have not changed since: so that looking at a thousand plugins
//! does not read all of their bytes each time.
//!
//! Only those who look use it. What is loaded, installed or diagnosed is read anew, every byte of it, and
//! nothing that is written here lets anything run. A file counts as unchanged when the system says all the
//! same of it, the times of both its content and its status among it; no ordinary user can set the last
//! one back. What changed within the last moments before it was looked at is not remembered, since it could
//! change again within the same tick of the clock.
//!
//! ```text
//! loader-index 2 <digest of everything below>
//! <which host found it, and by which rules>
//! <what the system says of a file> <digest> <facts>
//! ```
//!
//! A line is taken apart only when its library is looked for.

use crate::{digest::Digest, durable, folder::Opened};
use loader_abi::facts::Facts;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// How long a file must have been left alone.
const SETTLED: Duration = Duration::from_secs(2);

/// The beginning of the file: what it is, and the version of its format.
const FORMAT: &str = "loader-index 2";

/// What was found in libraries that have no defect, by what the system says of them: a digest and facts.
type Findings = BTreeMap<String, Arc<str>>;

/// What was found before, and what is found now.
pub(crate) struct Known {
    path: PathBuf,
    judge: String,
    before: Findings,
    state: State,
    now: Mutex<Findings>,
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

impl Known {
    /// Reads what was found before by the same host with the same rules. Whatever is wrong with the file,
    /// everything is looked at anew.
    pub(crate) fn open(state: &Path, judge: &str) -> Self {
        let path = state.join("index");
        let judge = judge.escape_debug().to_string();
        let (before, state) = match read(fs::read_to_string(&path), &judge) {
            Ok(before) => (before, State::Fresh),
            Err(reason) => (Findings::new(), State::Stale(reason)),
        };
        Self { path, judge, before, state, now: Mutex::default() }
    }

    /// Whether what was found before counts.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// What was found in this file, if it has not changed since.
    pub(super) fn recall(&self, opened: &Opened) -> Option<(Digest, Facts)> {
        let fingerprint = fingerprint(opened)?;
        let found = self.before.get(&fingerprint)?;
        let (digest, facts) = found.split_once(' ')?;
        let finding = (digest.parse().ok()?, serde_json::from_str(facts).ok()?);
        self.now().insert(fingerprint, Arc::clone(found));
        Some(finding)
    }

    /// Remembers what was found in a file, if it has been left alone for long enough.
    pub(super) fn remember(&self, opened: &Opened, digest: Digest, facts: &Facts) {
        let facts = serde_json::to_string(facts).ok();
        if let Some((fingerprint, facts)) = fingerprint(opened).zip(facts) {
            self.now().insert(fingerprint, format!("{digest} {facts}").into());
        }
    }

    fn now(&self) -> impl std::ops::DerefMut<Target = Findings> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what was found, if that is news. That it cannot be written is no matter.
    pub(crate) fn save(self) {
        let now = self.now.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.state == State::Fresh && now.keys().eq(self.before.keys()) {
            return;
        }
        let lines = now.iter().map(|(file, found)| format!("{file} {found}\n"));
        let body = format!("{}\n{}", self.judge, lines.collect::<String>());
        let text = format!("{FORMAT} {}\n{body}", Digest::of(body.as_bytes()));
        let _ = durable::write(&self.path, text.as_bytes());
    }
}

/// What a file holds, or why it does not count.
fn read(text: io::Result<String>, judge: &str) -> Result<Findings, String> {
    let text = text.map_err(|error| format!("it cannot be read: {error}"))?;
    let (head, body) = text.split_once('\n').unwrap_or_default();
    let Some(digest) = head.strip_prefix(FORMAT) else {
        return Err("it has another format".to_owned());
    };
    if digest.trim_start().parse() != Ok(Digest::of(body.as_bytes())) {
        return Err("it is damaged".to_owned());
    }
    let (writer, lines) = body.split_once('\n').unwrap_or_default();
    if writer != judge {
        return Err(format!("`{writer}` wrote it"));
    }
    let pairs = lines.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs.map(|(file, found)| (file.to_owned(), found.into())).collect())
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
            "{}:{}:{}:{}:{}:{}:{}:{}.{}:{}.{}",
            found.st_dev,
            found.st_ino,
            found.st_mode,
            found.st_nlink,
            found.st_uid,
            found.st_gid,
            found.st_size,
            found.st_mtime,
            found.st_mtime_nsec,
            found.st_ctime,
            found.st_ctime_nsec
        )
    })
}

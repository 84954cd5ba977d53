//! What came of single libraries: those that opened when they were tried, those that did damage then,
//! and those that crashed the program while they served.

use super::{Records, records::QUARANTINE};
use crate::{diagnostic::Diagnostic, digest::Digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const PROBED: &str = "probed";

/// Why a library is not tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuarantineRecord {
    /// What it did, in words that follow its name: `was killed by signal 11 (SIGSEGV)`.
    pub fault: String,
    /// How far it had come.
    pub phase: Phase,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// The beginning of what it wrote, as it stands.
    pub output: String,
    /// The plugin it was tried for.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// Where the plugin's manifest was.
    pub path: String,
    /// The host that tried it.
    pub host_build: String,
    /// When that was, in seconds since 1970.
    pub since: u64,
    /// How many times it took too long.
    pub timeouts: u32,
    /// When it may be tried again, in seconds since 1970; `None` means never.
    pub retry_at: Option<u64>,
    /// How it crashed the program while it served, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crash: Option<CrashRecord>,
}

/// How a library crashed the program it served in; the last time, where nothing else is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CrashRecord {
    /// How many times it did.
    pub count: u32,
    /// When, in seconds since 1970; the latest are kept.
    pub times: Vec<u64>,
    /// What it was asked for, such as `http-route/1/handle`, or the step of its life; empty when the
    /// thread was its own, or that is not known.
    pub operation: String,
    /// The generation that crashed.
    pub generation: u64,
    /// The name of the thread.
    pub thread: String,
    /// The address that was used.
    pub address: u64,
    /// The address of the instruction.
    pub instruction: u64,
    /// Whether the instruction was one of the library's own.
    pub in_library: bool,
    /// Whether the stack was at its end.
    pub stack_end: bool,
}

impl QuarantineRecord {
    /// Whether the library may be tried again at this moment.
    pub fn is_over(&self, now: u64) -> bool {
        self.retry_at.is_some_and(|moment| moment <= now)
    }
}

/// How far a library came when it was tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Its constructors ran.
    #[default]
    Opening,
    /// They had run; its interface was looked at.
    Opened,
    /// Its interface was accepted.
    Accepted,
    /// It was no trial: it served.
    Serving,
}

/// That a library opened without damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRecord {
    /// The host it opened in.
    pub host_build: String,
    /// When that was, in seconds since 1970.
    pub since: u64,
}

impl Records {
    /// Why these bytes are not tried again; `None` when they were never in quarantine.
    pub fn quarantine(&self, library: Digest) -> Option<QuarantineRecord> {
        // A start moves what is unread to what is remembered, so this order misses nothing.
        let unread = self.unread().iter().find(|(digest, _)| *digest == library);
        let unread = unread.map(|(_, record)| record.clone());
        unread.or_else(|| self.remembered_quarantine(library))
    }

    /// The same, without crashes that no start has read yet.
    pub(crate) fn remembered_quarantine(&self, library: Digest) -> Option<QuarantineRecord> {
        self.against(QUARANTINE, &library.to_string())
    }

    /// Everything in quarantine, by digest.
    pub fn quarantined(&self) -> Vec<(Digest, QuarantineRecord)> {
        let names = self.names(QUARANTINE).into_iter();
        let digests = names.filter_map(|name| name.parse().ok());
        let unread = self.unread().iter().map(|(digest, _)| *digest);
        let digests: BTreeSet<Digest> = digests.chain(unread).collect();
        digests.into_iter().filter_map(|digest| Some((digest, self.quarantine(digest)?))).collect()
    }

    /// Puts these bytes into quarantine, where what is known of them is replaced.
    pub fn isolate(&self, library: Digest, record: &QuarantineRecord) -> Result<(), Diagnostic> {
        self.write(QUARANTINE, &library.to_string(), record)
    }

    /// Ends the quarantine of these bytes. Says whether there was one.
    pub fn release(&self, library: Digest) -> Result<bool, Diagnostic> {
        self.remove(QUARANTINE, &library.to_string())
    }

    /// In which host these bytes opened. What cannot be read counts as unknown: they are tried again.
    pub fn probed(&self, library: Digest) -> Option<ProbeRecord> {
        self.read(PROBED, &library.to_string()).ok().flatten()
    }

    /// Remembers that these bytes opened.
    pub(crate) fn pass(&self, library: Digest, record: &ProbeRecord) -> Result<(), Diagnostic> {
        self.write(PROBED, &library.to_string(), record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_damaged_record_keeps_its_library_in_quarantine_for_good() {
        let state = tempfile::tempdir().expect("a folder");
        let records = Records::of(state.path());
        let digest = Digest::of(b"bytes");
        let record = QuarantineRecord { retry_at: Some(7), ..QuarantineRecord::default() };
        records.isolate(digest, &record).expect("written");
        assert!(records.quarantine(digest).expect("known").is_over(7));
        let file = state.path().join("trust/quarantine").join(digest.to_string());
        fs::write(&file, b"{").expect("damage");
        assert!(!records.quarantine(digest).expect("known").is_over(u64::MAX));
        assert_eq!(records.quarantined().len(), 1);
        assert!(records.release(digest).expect("removed"));
        assert_eq!(records.quarantine(digest), None);
    }

    #[test]
    fn a_damaged_verdict_is_no_verdict() {
        let state = tempfile::tempdir().expect("a folder");
        let records = Records::of(state.path());
        let digest = Digest::of(b"bytes");
        records.pass(digest, &ProbeRecord { host_build: "h".into(), since: 1 }).expect("written");
        assert_eq!(records.probed(digest).expect("known").host_build, "h");
        let file = state.path().join("trust/probed").join(digest.to_string());
        fs::write(&file, b"{").expect("damage");
        assert_eq!(records.probed(digest), None);
    }
}

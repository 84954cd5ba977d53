//! From records to facts: the bytes that crashed the program are in quarantine from the next start on.

use super::{
    folder,
    record::{self, Culprit, LENGTH, Seen},
};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    durable,
    folder::shell_word,
    moment,
    signal::name,
    trust::{CrashRecord, Phase, QuarantineRecord, Records},
};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// How many times of crashes are remembered.
const MOST_TIMES: usize = 16;

/// How the name of a record ends that nobody could read.
const DAMAGED: &str = "damaged";

/// Makes facts of what processes left behind that are gone, and says each in one line. An error among
/// them means that a fact could not be written; its record stays for the next time.
pub fn take_in(state: &Path) -> Vec<Diagnostic> {
    let records = Records::of(state);
    let taken = paths(state).into_iter().filter_map(|path| {
        // Held while it is read, so that it counts once.
        let file = File::open(&path).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => take(&records, &path, file),
            // Its process lives.
            Err(Errno::WOULDBLOCK) => None,
            Err(errno) => Some(unreadable(&path, &errno.into())),
        }
    });
    taken.collect()
}

/// The records that are to be read, the oldest process's first.
fn paths(state: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(state)).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let paths = files.map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_none_or(|end| end != DAMAGED)).collect();
    paths.sort();
    paths
}

fn content(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn take(records: &Records, path: &Path, file: File) -> Option<Diagnostic> {
    let bytes = match content(&file) {
        Ok(bytes) => bytes,
        Err(error) => return Some(unreadable(path, &error)),
    };
    if record::is_blank(&bytes) {
        let _ = durable::remove(path);
        return None;
    }
    let Some(seen) = record::read(&bytes) else { return Some(set_aside(path)) };
    let remembered = match &seen.culprit {
        Some(culprit) => {
            let known = records.remembered_quarantine(culprit.digest);
            records.isolate(culprit.digest, &fact(&seen, culprit, known))
        }
        None if is_of_nobody(&seen) => {
            let times = with(records.crashes_of_nobody(), seen.time);
            records.remember_crashes_of_nobody(&times)
        }
        None => Ok(()),
    };
    if let Err(failure) = remembered {
        return Some(failure);
    }
    let _ = durable::remove(path);
    Some(describe(&seen))
}

/// Every whole record that no start has read yet.
fn pending(state: &Path) -> impl Iterator<Item = Seen> {
    let contents =
        paths(state).into_iter().map(|path| File::open(path).and_then(|file| content(&file)));
    contents.filter_map(|bytes| record::read(&bytes.ok()?))
}

/// What crashed the program and no start has read yet.
pub(crate) fn unread(state: &Path) -> Vec<(Digest, QuarantineRecord)> {
    let mut facts: BTreeMap<Digest, QuarantineRecord> = BTreeMap::new();
    for seen in pending(state) {
        let Some(culprit) = &seen.culprit else { continue };
        let known = facts.remove(&culprit.digest);
        let known = known.or_else(|| Records::of(state).remembered_quarantine(culprit.digest));
        facts.insert(culprit.digest, fact(&seen, culprit, known));
    }
    facts.into_iter().collect()
}

/// When the program crashed outside of every plugin, whether a start has read it or not.
pub(super) fn times_of_nobody(state: &Path) -> Vec<u64> {
    let unread = pending(state).filter(is_of_nobody).map(|seen| seen.time);
    Records::of(state).crashes_of_nobody().into_iter().chain(unread).collect()
}

/// Whether the program itself is to blame.
fn is_of_nobody(seen: &Seen) -> bool {
    seen.culprit.is_none() && seen.sender.is_none()
}

/// What is remembered of the bytes from now on, after what was known of them.
fn fact(seen: &Seen, culprit: &Culprit, known: Option<QuarantineRecord>) -> QuarantineRecord {
    let known = known.unwrap_or_default();
    let crash = known.crash.unwrap_or_default();
    QuarantineRecord {
        fault: format!("ended the program with {}", in_words(seen, culprit)),
        phase: Phase::Serving,
        signal: Some(seen.signal),
        plugin: culprit.plugin.clone(),
        version: culprit.version.clone(),
        since: seen.time,
        timeouts: known.timeouts,
        retry_at: None,
        crash: Some(CrashRecord {
            count: crash.count.saturating_add(1),
            times: with(crash.times, seen.time),
            operation: culprit.operation.clone(),
            generation: culprit.generation,
            thread: seen.thread_name.clone(),
            address: seen.address,
            instruction: seen.instruction,
            in_library: culprit.in_image,
            stack_end: seen.stack_end,
        }),
        ..QuarantineRecord::default()
    }
}

/// The latest times, with one more.
fn with(mut times: Vec<u64>, time: u64) -> Vec<u64> {
    times.push(time);
    times.split_off(times.len().saturating_sub(MOST_TIMES))
}

/// The signal, and where the plugin was: words that follow `with`.
fn in_words(seen: &Seen, culprit: &Culprit) -> String {
    let place = match culprit.operation.as_str() {
        "" => format!("on its thread `{}`", seen.thread_name),
        operation => format!("in `{operation}`"),
    };
    format!("{} {place} of generation {}", signal(seen), culprit.generation)
}

fn signal(seen: &Seen) -> String {
    let stack = if seen.stack_end { " at the end of its stack" } else { "" };
    format!("signal {} ({}){stack}", seen.signal, name(seen.signal))
}

fn describe(seen: &Seen) -> Diagnostic {
    let when = moment::in_words(seen.time);
    if let Some(culprit) = &seen.culprit {
        let Culprit { plugin, version, .. } = culprit;
        let message = format!(
            "version {version} ended the program with {} on {when}, and is in quarantine now",
            in_words(seen, culprit)
        );
        return Diagnostic::warning("LDR-CRASH-PLUGIN", message).about(plugin).hint(format!(
            "install another release; have it served again: loader plugins quarantine clear {}; or \
             serve it once all the same: loader run --no-safe-boot",
            shell_word(Path::new(plugin))
        ));
    }
    let (process, thread) = (seen.process, &seen.thread_name);
    let message = match seen.sender {
        Some(sender) => format!(
            "process {process} was ended on {when} with {}, which process {sender} sent",
            signal(seen)
        ),
        None => format!(
            "process {process} ended on {when} with {}, outside of every plugin, on its thread \
             `{thread}`",
            signal(seen)
        ),
    };
    Diagnostic::warning("LDR-CRASH-PROGRAM", message)
        .hint(format!("look at its core dump: coredumpctl info {process}"))
}

fn set_aside(path: &Path) -> Diagnostic {
    let aside = path.with_extension(DAMAGED);
    let place = match fs::rename(path, &aside) {
        Ok(()) => aside,
        Err(_) => path.to_owned(),
    };
    let message = "the program crashed, but the record of it is damaged: nobody is blamed";
    Diagnostic::warning("LDR-CRASH-DAMAGED", message)
        .at(&place)
        .hint(format!("rm {}", shell_word(&place)))
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error("LDR-CRASH-FILE", format!("a record of a crash cannot be read: {error}"))
        .at(path)
        .hint(format!("rm {}", shell_word(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::{Resident, Sighting, check, write};
    use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

    /// A state folder.
    struct State(tempfile::TempDir);

    impl State {
        fn new() -> Self {
            let state = Self(tempfile::tempdir().expect("a folder"));
            fs::create_dir(state.path().join("crash")).expect("a folder");
            state
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        /// Leaves the record of a process behind.
        fn crashed(&self, process: u32, culprit: Option<Resident>, sender: Option<u32>) -> PathBuf {
            let record = [const { AtomicU8::new(0) }; LENGTH];
            let sighting = Sighting {
                signal: 6,
                code: -6,
                process,
                sender,
                thread: process,
                thread_name: *b"loader\0\0\0\0\0\0\0\0\0\0",
                time: moment::now(),
                address: 0,
                instruction: 0,
                stack_end: false,
                culprit,
                in_image: false,
            };
            write(&record, &sighting, b"open");
            let path = self.path().join("crash").join(format!("{process}-1"));
            let bytes: Vec<u8> = record.iter().map(|byte| byte.load(Relaxed)).collect();
            fs::write(&path, bytes).expect("a record");
            path
        }

        fn codes(&self) -> Vec<&'static str> {
            take_in(self.path()).iter().map(|finding| finding.code).collect()
        }
    }

    #[test]
    fn crashes_add_up_whether_they_were_read_or_not() {
        let state = State::new();
        let digest = Digest::of(b"library");
        let resident = Resident::new("it", "1.0.0", 1, digest);
        let count = || {
            let record = Records::of(state.path()).quarantine(digest).expect("it is in quarantine");
            record.crash.expect("it crashed").count
        };
        state.crashed(1, Some(resident), None);
        assert_eq!(count(), 1);
        assert_eq!(state.codes(), ["LDR-CRASH-PLUGIN"]);
        assert_eq!((count(), state.codes()), (1, vec![]));
        state.crashed(2, Some(resident), None);
        state.crashed(3, Some(resident), None);
        assert_eq!(count(), 3);
        assert_eq!(state.codes(), ["LDR-CRASH-PLUGIN"; 2]);
        assert_eq!(count(), 3);
        resident.leave();
    }

    #[test]
    fn who_looks_at_many_misses_no_crash_that_a_start_reads_meanwhile() {
        let state = State::new();
        let digest = Digest::of(b"library");
        let resident = Resident::new("it", "1.0.0", 1, digest);
        state.crashed(1, Some(resident), None);
        let records = Records::of(state.path()).listed();
        assert_eq!(state.codes(), ["LDR-CRASH-PLUGIN"]);
        assert!(records.quarantine(digest).is_some());
        resident.leave();
    }

    #[test]
    fn three_crashes_of_nobody_are_a_loop_and_signals_from_outside_are_none() {
        let state = State::new();
        for process in 1..=4 {
            state.crashed(process, None, Some(1));
        }
        assert_eq!((state.codes().len(), check(state.path())), (4, None));
        for process in 1..=2 {
            state.crashed(process, None, None);
        }
        assert_eq!(state.codes(), ["LDR-CRASH-PROGRAM"; 2]);
        assert_eq!(check(state.path()), None);
        state.crashed(3, None, None);
        assert_eq!(check(state.path()).expect("a loop").code, "LDR-CRASH-LOOP");
        assert_eq!(state.codes(), ["LDR-CRASH-PROGRAM"]);
        assert_eq!(check(state.path()).expect("a loop").code, "LDR-CRASH-LOOP");
    }

    #[test]
    fn the_record_of_a_process_that_lives_is_left_alone_and_a_blank_one_goes() {
        let state = State::new();
        let path = state.crashed(1, None, None);
        let held = File::open(&path).expect("the record");
        flock(&held, FlockOperation::LockExclusive).expect("a lock");
        assert_eq!(state.codes(), Vec::<&str>::new());
        drop(held);
        assert_eq!(state.codes(), ["LDR-CRASH-PROGRAM"]);
        fs::write(&path, [0; LENGTH]).expect("a blank record");
        assert_eq!(state.codes(), Vec::<&str>::new());
        assert!(!path.exists());
    }

    #[test]
    fn what_cannot_be_remembered_is_kept_for_the_next_time() {
        let state = State::new();
        let resident = Resident::new("it", "1.0.0", 1, Digest::of(b"library"));
        let path = state.crashed(1, Some(resident), None);
        resident.leave();
        // A file where the folder of facts should be.
        fs::write(state.path().join("trust"), b"").expect("a file");
        assert_eq!(state.codes(), ["LDR-TRUST-WRITE"]);
        assert!(path.exists());
        fs::remove_file(state.path().join("trust")).expect("removed");
        assert_eq!(state.codes(), ["LDR-CRASH-PLUGIN"]);
        assert!(!path.exists());
    }
}

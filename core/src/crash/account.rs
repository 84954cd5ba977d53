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
        None if seen.sender.is_none() => {
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

/// What crashed the program and no start has read yet.
pub(crate) fn unread(state: &Path) -> Vec<(Digest, QuarantineRecord)> {
    let mut facts: Vec<(Digest, QuarantineRecord)> = Vec::new();
    for path in paths(state) {
        let bytes = File::open(&path).and_then(|file| content(&file)).unwrap_or_default();
        let Some(seen) = record::read(&bytes) else { continue };
        let Some(culprit) = &seen.culprit else { continue };
        let earlier = facts.iter().rev().find(|(digest, _)| *digest == culprit.digest);
        let known = match earlier {
            Some((_, fact)) => Some(fact.clone()),
            None => Records::of(state).remembered_quarantine(culprit.digest),
        };
        let fact = fact(&seen, culprit, known);
        facts.retain(|(digest, _)| *digest != culprit.digest);
        facts.push((culprit.digest, fact));
    }
    facts
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

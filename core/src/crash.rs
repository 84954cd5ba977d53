//! Crashes of the process: in whose code a thread was when a fatal signal came, and what becomes of
//! the plugin at the next start.
//!
//! Every entry into a plugin is a [visit](visit): it leaves a mark on its thread. When a fatal signal comes, the
//! handler (in `platform`) looks at the mark of its thread and at the [residents] of the process, and
//! writes one [record](record) into a file that was opened beforehand. The next start reads it
//! ([account]): the bytes that crashed the process are in quarantine from then on.
//!
//! ```text
//! <state>/crash/<pid>-<time>           a process that lives, or ended well: blank; that crashed: its record
//! <state>/crash/<pid>-<time>.damaged   a record that nobody could read
//! ```

mod account;
mod record;
mod resident;
mod visit;

pub use account::take_in;
pub(crate) use account::unread;
pub(crate) use record::{LENGTH, Sighting, write};
pub(crate) use resident::{Resident, in_image};
pub(crate) use visit::{Visiting, here, owner_of_new_thread};

use crate::{diagnostic::Diagnostic, folder::shell_word, moment, platform};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Mutex,
    time::SystemTime,
};

/// What a program wants done about crashes. The engine then takes over the signals that end a process
/// by a fault, for the rest of the process's life, and hands them on to whoever had them before. They
/// are recorded on Linux with glibc alone.
///
/// A program that recovers from such a signal takes it over after the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// Whether plugins that crashed the program before are left out, and whether a program that crashes
    /// again and again outside of plugins is not started.
    pub safe_boot: bool,
}

/// So many crashes outside of every plugin, within this time in seconds, are a loop.
const LOOP: (usize, u64) = (3, 10 * 60);

/// Reads what processes left behind that are gone, and has this one watched from now on.
///
/// The first state folder of a process counts for its whole life.
pub(crate) fn begin(state: &Path, crash: Crash) -> Result<Vec<Diagnostic>, Diagnostic> {
    let said = take_in(state);
    if let Some(failure) = said.iter().find(|finding| finding.is_error()) {
        return Err(failure.clone());
    }
    if let (true, Some(finding)) = (crash.safe_boot, check(state)) {
        return Err(finding);
    }
    static BEGUN: Mutex<bool> = Mutex::new(false);
    let mut begun = BEGUN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !*begun {
        watch(state).map_err(|(path, error)| {
            let message = format!("crashes cannot be recorded: {error}");
            let hint = format!(
                "make the folder writable (ls -ld {}), or choose another --state-dir",
                shell_word(state)
            );
            Diagnostic::error("LDR-CRASH-FILE", message).at(&path).hint(hint)
        })?;
        *begun = true;
    }
    Ok(said)
}

/// Why a safe boot would not start anything: the program crashed again and again by itself.
pub fn check(state: &Path) -> Option<Diagnostic> {
    let (most, seconds) = LOOP;
    let since = moment::now().saturating_sub(seconds);
    let times = account::times_of_nobody(state);
    let recent = times.into_iter().filter(|time| *time >= since).count();
    if recent < most {
        return None;
    }
    let message = format!(
        "the program crashed {recent} times within {} minutes, outside of every plugin",
        seconds / 60
    );
    Some(Diagnostic::error("LDR-CRASH-LOOP", message).at(&folder(state)).hint(
        "look at its log and its core dumps (coredumpctl list loader); to start all the same: \
         loader run --no-safe-boot",
    ))
}

/// Where records are.
fn folder(state: &Path) -> PathBuf {
    state.join("crash")
}

/// Opens this process's record and takes the signals over.
fn watch(state: &Path) -> Result<(), (PathBuf, io::Error)> {
    let folder = folder(state);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let path = folder.join(format!("{}-{}", std::process::id(), since.as_nanos()));
    let opened = || {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // Says that this process lives; the kernel takes it back however it ends.
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        // What is to be written has its place, also on a disk that is full by then.
        file.write_all(&[0; LENGTH])?;
        file.sync_all()?;
        platform::watch_for_crashes(file.into())
    };
    opened().map_err(|error| (path.clone(), error))
}

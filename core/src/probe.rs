//! The trial of a library that is new to this host: it is opened in a throw-away process first.
//!
//! Opening a library runs its constructors, and what they do wrong is done to the whole process: a
//! fault ends it, and a loop stops it. So the private copy is opened in a child before it is opened
//! here, the same way and with the same check of its interface. A child that crashes or hangs puts
//! the *bytes* into quarantine, and vetting refuses them from then on.
//!
//! A trial shows what opening does. It is no sandbox: the child has the rights of the host.

#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod trial;
#[cfg(not(target_os = "linux"))]
#[path = "probe/other.rs"]
mod trial;

#[cfg(target_os = "linux")]
pub use child::child;
#[cfg(not(target_os = "linux"))]
pub use trial::child;

use crate::{
    diagnostic::Diagnostic,
    moment,
    staging::Staged,
    trust::{Phase, ProbeRecord, QuarantineRecord, Records},
};
use std::{ffi::OsString, path::PathBuf, time::Duration};
use tracing::warn;

/// How long a library that took too long is left alone, the first and the second time. After the
/// third it stays in quarantine.
const BACKOFF: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(5 * 60)];

/// How libraries are tried, as the embedding program says it. Needs Linux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// A program that calls [`child`], best the one that runs: `/proc/self/exe`.
    pub program: PathBuf,
    /// What it is started with, before the library's path and the seconds of processor time that the
    /// child may use.
    pub arguments: Vec<OsString>,
    /// The child's whole environment: what the dynamic linker of this process obeys, so that the child
    /// finds the same libraries.
    pub environment: Vec<(OsString, OsString)>,
    /// How long opening may take; no longer than an hour.
    pub timeout: Duration,
    /// The build of the host. A library that opened in another build is tried again.
    pub host_build: String,
}

/// A staged library that may be opened here.
#[derive(Debug)]
pub struct Probed(Staged);

impl Probed {
    /// Takes a library without a trial, for programs that have none: its constructors run in this
    /// process first, and a crash there is a crash of this process.
    pub fn unprobed(staged: Staged) -> Self {
        Self(staged)
    }

    /// The private copy.
    pub fn staged(&self) -> &Staged {
        &self.0
    }

    pub(crate) fn into_staged(self) -> Staged {
        self.0
    }
}

/// Tries a staged library, if there is a way to.
pub fn try_out(
    staged: Staged,
    probe: Option<&Probe>,
    records: Option<&Records>,
) -> Result<Probed, Diagnostic> {
    match (probe, records) {
        (Some(probe), Some(records)) => probe.examine(staged, records),
        _ => Ok(Probed::unprobed(staged)),
    }
}

impl Probe {
    /// Tries a staged library, unless this build of the host knows that it opens. Blocks until the
    /// child has ended, no longer than the timeout and a moment.
    pub fn examine(&self, staged: Staged, records: &Records) -> Result<Probed, Diagnostic> {
        let known = records.probed(staged.digest());
        if known.is_some_and(|record| record.host_build == self.host_build) {
            return Ok(Probed(staged));
        }
        let refuse = |code, message: String| {
            let finding = Diagnostic::error(code, message);
            finding.at(staged.candidate().manifest_path()).about(&staged.spec().id)
        };
        let outcome = trial::run(self, staged.path()).map_err(|error| {
            refuse("LDR-PROBE-FAILED", format!("the library cannot be tried: {error}"))
                .hint("raise the limits of processes and open files (ulimit -u -n), then try again")
        })?;
        let clear = format!("loader plugins quarantine clear {}", staged.digest());
        let wrote = wrote(&outcome.output);
        match &outcome.end {
            End::Accepted => {
                self.pass(&staged, records);
                Ok(Probed(staged))
            }
            End::Refused { code, message, hint } => {
                let finding = refuse(code, message.clone());
                Err(if hint.is_empty() { finding } else { finding.hint(hint.clone()) })
            }
            End::Crashed { fault, signal } => {
                self.isolate(&staged, records, &outcome, fault.clone(), *signal);
                let message = format!(
                    "its library {fault} when it was tried, and is in quarantine now{wrote}"
                );
                Err(refuse("LDR-PROBE-CRASHED", message)
                    .hint(format!("install another release; or have it tried again: {clear}")))
            }
            End::Hung => {
                let fault = format!("did not open within {} s", self.timeout.as_secs_f32());
                let record = self.isolate(&staged, records, &outcome, fault.clone(), None);
                let then = match record.retry_at {
                    Some(moment) => {
                        format!("it is tried again from {} on", moment::in_words(moment))
                    }
                    None => "it is in quarantine now".to_owned(),
                };
                let message = format!("its library {fault} when it was tried; {then}{wrote}");
                Err(refuse("LDR-PROBE-HUNG", message).hint(format!(
                    "look for endless work in its constructors; to have it tried at once: {clear}"
                )))
            }
            End::Broken(reason) => {
                let message = format!("the library cannot be tried: {reason}{wrote}");
                Err(refuse("LDR-PROBE-FAILED", message)
                    .hint("load the plugin again; if it stays so, look at the machine's load"))
            }
        }
    }

    fn pass(&self, staged: &Staged, records: &Records) {
        let record = ProbeRecord { host_build: self.host_build.clone(), since: moment::now() };
        let written = records.pass(staged.digest(), &record);
        // Whatever kept it from being tried is over; what it did while it served is not.
        let known = records.remembered_quarantine(staged.digest());
        let written = written.and_then(|()| match known {
            Some(record) if record.crash.is_some() => Ok(false),
            _ => records.release(staged.digest()),
        });
        if let Err(finding) = written {
            // The library is sound all the same: it is only tried again next time.
            warn!(plugin = staged.spec().id, code = finding.code, "{finding}");
        }
    }

    fn isolate(
        &self,
        staged: &Staged,
        records: &Records,
        outcome: &Outcome,
        fault: String,
        signal: Option<i32>,
    ) -> QuarantineRecord {
        let since = moment::now();
        let known = records.remembered_quarantine(staged.digest()).unwrap_or_default();
        let before = known.timeouts;
        let timeouts = before + u32::from(outcome.end == End::Hung);
        let backoff = BACKOFF.get(before as usize).filter(|_| outcome.end == End::Hung);
        let record = QuarantineRecord {
            fault,
            phase: outcome.phase,
            signal,
            output: outcome.output.clone(),
            plugin: staged.spec().id.clone(),
            version: staged.spec().version.to_string(),
            path: staged.candidate().manifest_path().display().to_string(),
            host_build: self.host_build.clone(),
            since,
            timeouts,
            retry_at: backoff.map(|backoff| since + backoff.as_secs()),
            crash: known.crash,
        };
        if let Err(finding) = records.isolate(staged.digest(), &record) {
            // It is refused now, and tried again next time.
            warn!(plugin = staged.spec().id, code = finding.code, "{finding}");
        }
        record
    }
}

/// What came of one run.
struct Outcome {
    end: End,
    /// How far it came.
    phase: Phase,
    /// The beginning of what the library wrote.
    output: String,
}

/// How one run ended.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is tried there"))]
#[derive(PartialEq, Eq)]
enum End {
    /// The library opened, and its interface is the host's.
    Accepted,
    /// It cannot be opened, for a reason that is no damage.
    Refused { code: &'static str, message: String, hint: String },
    /// It did what would have harmed the host.
    Crashed { fault: String, signal: Option<i32> },
    /// It did not open in time.
    Hung,
    /// The run says nothing about the library.
    Broken(String),
}

/// The most characters of a library's output that a diagnostic quotes.
const MOST_QUOTED: usize = 200;

/// What a library wrote, as data at the end of a sentence.
fn wrote(output: &str) -> String {
    let output = output.trim();
    if output.is_empty() {
        return String::new();
    }
    let (quoted, cut): (String, _) = match output.char_indices().nth(MOST_QUOTED) {
        Some((end, _)) => (output[..end].to_owned(), "…"),
        None => (output.to_owned(), ""),
    };
    format!("; it wrote \"{}{cut}\"", quoted.escape_debug())
}

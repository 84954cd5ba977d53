//! The child: opens one library the way the host would, says how far it came, and is gone.

use super::report::{Report, Step};
use crate::{image, platform};
use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    process::{
        Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit, setsid,
    },
    stdio::{dup2_stdout, stderr, stdout},
};
use std::{env, fs::File, io::Write, path::Path};

/// The exit status of a child whose descriptor for reports is gone: the library closed it.
pub(super) const SPEECHLESS: i32 = 113;

/// The exit status of a child that the system kept from its work, whatever the library is.
pub(super) const HINDERED: i32 = 114;

/// The most memory a constructor can ask for, in bytes of addresses.
const MEMORY: u64 = 16 << 30;

/// The most descriptors a constructor can have open.
const DESCRIPTORS: u64 = 256;

/// Opens the library at a path, checks its interface, reports on standard output and ends the
/// process. For a program that [`Probe`](super::Probe) starts, which calls it first of all: every
/// descriptor but the standard ones is closed.
pub fn child(library: &Path, processor_seconds: u64) -> ! {
    // Neither destructors nor exit handlers of the library run: the host would run neither now.
    platform::leave(match attempt(library, processor_seconds) {
        Ok(()) => 0,
        Err(Errno::BADF) => SPEECHLESS,
        Err(_) => HINDERED,
    })
}

fn attempt(library: &Path, processor_seconds: u64) -> Result<(), Errno> {
    withdraw(processor_seconds)?;
    let reports = Reports::take_stdout()?;
    let place = env::current_dir().ok();
    reports.say(Step::Opening)?;
    let outcome = image::rehearse(library, || reports.say(Step::Opened));
    let step = match outcome {
        Ok(said) => {
            said?;
            match env::current_dir().ok() == place {
                true => Step::Accepted,
                false => Step::Spoiled("changed the working directory".into()),
            }
        }
        Err(refusal) => Step::Refused {
            code: refusal.code.to_owned(),
            message: refusal.message,
            hint: refusal.hint.unwrap_or_default(),
        },
    };
    reports.say(step)
}

/// Takes away what the process does not need, so that the library harms nobody but it.
fn withdraw(processor_seconds: u64) -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Refused to the leader of a group, which a process is that a shell or a debugger started.
    match setsid() {
        Ok(_) | Err(Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    platform::close_inherited();
    // One byte instead of none: with none, a program that collects dumps would still be started.
    limit(Resource::Core, 1)?;
    limit(Resource::Nofile, DESCRIPTORS)?;
    limit(Resource::As, MEMORY)?;
    limit(Resource::Cpu, processor_seconds)
}

fn limit(resource: Resource, most: u64) -> Result<(), Errno> {
    let now = getrlimit(resource);
    let lower = |present: Option<u64>| Some(present.map_or(most, |present| present.min(most)));
    setrlimit(resource, Rlimit { current: lower(now.current), maximum: lower(now.maximum) })
}

/// Where the host listens. The library finds standard error in the place of standard output.
struct Reports(File);

impl Reports {
    fn take_stdout() -> Result<Self, Errno> {
        let reports = fcntl_dupfd_cloexec(stdout(), 3)?;
        dup2_stdout(stderr())?;
        Ok(Self(File::from(reports)))
    }

    fn say(&self, step: Step) -> Result<(), Errno> {
        let report = Report { process: std::process::id(), step };
        let mut line = serde_json::to_vec(&report).map_err(|_| Errno::INVAL)?;
        line.push(b'\n');
        (&self.0)
            .write_all(&line)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
}

//! One run of the child, as the host sees it: what it reports and writes, how it ends, and its end by
//! force when its time is over.

use super::{
    End, Outcome, Probe,
    child::{HINDERED, SPEECHLESS},
    report::{Report, Step},
};
use crate::{signal::name, trust::Phase};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, ioctl_fionbio},
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal},
};
use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// The most bytes of what a library writes that are kept.
const MOST_OUTPUT: usize = 4 * 1024;

/// The most bytes of reports that are kept.
const MOST_REPORTS: usize = 64 * 1024;

/// The longest that opening may take, whatever the program says.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// How long a killed process may take to be gone.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Starts the child on a library and waits for its end.
pub(super) fn run(probe: &Probe, library: &Path) -> io::Result<Outcome> {
    let timeout = probe.timeout.min(LONGEST);
    let deadline = Instant::now() + timeout;
    // A child that is not killed in time, because the host is gone, ends by itself.
    let processor_seconds = timeout.as_secs() + 2;
    let child = Command::new(&probe.program)
        .args(&probe.arguments)
        .arg(library)
        .arg(processor_seconds.to_string())
        .env_clear()
        .envs(probe.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut trial = Trial::of(child)?;
    let ended = trial.listen(deadline)?;
    let status = trial.end()?;
    Ok(trial.judge(ended, status))
}

/// A child that runs. However it goes out of scope, its whole group is killed and it is reaped.
struct Trial {
    child: Child,
    process: Pid,
    /// Refers to this child alone, whatever becomes of its number.
    handle: OwnedFd,
    reports: Pipe,
    output: Pipe,
    is_reaped: bool,
}

impl Trial {
    fn of(mut child: Child) -> io::Result<Self> {
        let process = Pid::from_child(&child);
        let handle = pidfd_open(process, PidfdFlags::empty());
        let reports = child.stdout.take().map(OwnedFd::from);
        let output = child.stderr.take().map(OwnedFd::from);
        let handle = handle.inspect_err(|_| {
            // Not reaped yet, so its number is still its own.
            let _ = child.kill().and_then(|()| child.wait());
        })?;
        let mut trial = Self {
            child,
            process,
            handle,
            reports: Pipe { source: reports, kept: Vec::new(), most: MOST_REPORTS, broken: None },
            output: Pipe { source: output, kept: Vec::new(), most: MOST_OUTPUT, broken: None },
            is_reaped: false,
        };
        trial.reports.never_wait()?;
        trial.output.never_wait()?;
        Ok(trial)
    }

    /// Takes in what comes until the child ends. Says whether it did so in time.
    fn listen(&mut self, deadline: Instant) -> io::Result<bool> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let mut awaited = vec![PollFd::new(&self.handle, PollFlags::IN)];
            let sources = [&self.reports, &self.output].into_iter().filter_map(Pipe::source);
            awaited.extend(sources.map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN)));
            wait(&mut awaited, left)?;
            let has_ended = !awaited[0].revents().is_empty();
            self.reports.take();
            self.output.take();
            if has_ended {
                return Ok(true);
            }
        }
    }

    /// Kills what is left of the child and of its group, and reaps it.
    fn end(&mut self) -> io::Result<ExitStatus> {
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
        let mut awaited = [PollFd::new(&self.handle, PollFlags::IN)];
        let waited = wait(&mut awaited, LAST_MOMENT);
        let is_gone = waited.is_ok() && !awaited[0].revents().is_empty();
        // The group keeps its number as long as the child is not reaped or another member lives.
        let _ = kill_process_group(self.process, Signal::KILL);
        self.is_reaped = true;
        if !is_gone {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "its process cannot be killed"));
        }
        self.child.wait()
    }

    fn judge(mut self, ended: bool, status: ExitStatus) -> Outcome {
        self.reports.take();
        self.output.take();
        let lines = self.reports.kept.split(|byte| *byte == b'\n');
        let reports = lines.filter_map(|line| serde_json::from_slice::<Report>(line).ok());
        let child = self.child.id();
        let steps: Vec<Step> =
            reports.filter(|report| report.process == child).map(|report| report.step).collect();
        let has_begun = !steps.is_empty();
        let phase = match &steps[..] {
            [] | [Step::Opening] => Phase::Opening,
            [.., Step::Accepted] => Phase::Accepted,
            _ => Phase::Opened,
        };
        let end = match steps.into_iter().next_back() {
            _ if let Some(errno) = self.reports.broken => {
                End::Broken(format!("the reports of the trial's process cannot be read: {errno}"))
            }
            _ if !has_begun => End::Broken(match ended {
                true => format!("the trial's process ended before it began ({status})"),
                false => "the trial's process did not begin in time".to_owned(),
            }),
            _ if !ended => End::Hung,
            Some(Step::Accepted) if status.success() => End::Accepted,
            Some(Step::Refused { code, message, hint }) if status.success() => {
                refused(&code, message, hint)
            }
            Some(Step::Spoiled(fault)) if status.success() => End::Crashed { fault, signal: None },
            _ => crashed(status),
        };
        let output = String::from_utf8_lossy(&self.output.kept).into_owned();
        Outcome { end, phase, output }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if !self.is_reaped {
            let _ = self.end();
        }
    }
}

fn refused(code: &str, message: String, hint: String) -> End {
    match crate::image::REFUSALS.into_iter().find(|known| *known == code) {
        Some(code) => End::Refused { code, message, hint },
        None => End::Broken(format!("the trial's process speaks of `{}`", code.escape_debug())),
    }
}

fn crashed(status: ExitStatus) -> End {
    let crashed = |fault: String, signal| End::Crashed { fault, signal };
    match (status.signal(), status.code()) {
        // Whoever stops the host, or the kernel when memory ends, sends these to every process.
        (Some(signal @ (1 | 2 | 9 | 15)), _) => {
            End::Broken(format!("the trial's process was ended from outside ({})", name(signal)))
        }
        (Some(signal), _) => {
            crashed(format!("was killed by signal {signal} ({})", name(signal)), Some(signal))
        }
        (None, Some(HINDERED)) => {
            End::Broken("the system kept the trial's process from its work".to_owned())
        }
        (None, Some(SPEECHLESS)) => {
            crashed("closed descriptors that were not its own".to_owned(), None)
        }
        (None, code) => {
            crashed(format!("ended the process with status {}", code.unwrap_or_default()), None)
        }
    }
}

/// Waits for one of these, not much longer than this.
fn wait(awaited: &mut [PollFd<'_>], longest: Duration) -> Result<(), Errno> {
    let longest = Timespec::try_from(longest).map_err(|_| Errno::INVAL)?;
    loop {
        match poll(awaited, Some(&longest)) {
            Err(Errno::INTR) => {}
            other => return other.map(drop),
        }
    }
}

/// What a process writes: the beginning is kept, and the rest is read away.
struct Pipe {
    /// `None` once nobody can write any more.
    source: Option<OwnedFd>,
    kept: Vec<u8>,
    most: usize,
    /// Why it could not be read to its end.
    broken: Option<Errno>,
}

impl Pipe {
    fn source(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.source.as_ref().map(AsFd::as_fd)
    }

    fn never_wait(&mut self) -> io::Result<()> {
        self.source.iter().try_for_each(|source| Ok(ioctl_fionbio(source, true)?))
    }

    /// Takes what is there, as much as a pipe usually holds.
    fn take(&mut self) {
        let mut buffer = [0; 64 * 1024];
        let Some(source) = &self.source else { return };
        match rustix::io::read(source, &mut buffer) {
            Ok(0) => self.source = None,
            Ok(length) => {
                let room = self.most.saturating_sub(self.kept.len());
                self.kept.extend_from_slice(&buffer[..length.min(room)]);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => {
                self.source = None;
                self.broken = Some(errno);
            }
        }
    }
}

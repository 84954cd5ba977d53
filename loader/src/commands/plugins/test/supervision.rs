//! The child as its parent sees it: what it says, how it ends, and what it was asking when it did.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use loader_testkit::suite::{Case, ENDS_WELL, Event, Options, Outcome, PLUGIN, Report, Under};
use rustix::process::{Pid, Signal, kill_process_group};

use super::child::{Line, Request};
use crate::args::TestChild;
use crate::finding::Finding;

/// What runs here, even if there is another program at its path by now.
const PROGRAM: &str = "/proc/self/exe";

/// How long the child may be silent beyond what its own deadlines allow.
const GRACE: Duration = Duration::from_secs(20);

/// How long a child that said everything may take to end.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// The most bytes of what the plugin writes that are quoted.
const MOST_OUTPUT: usize = 1024;

/// Has the plugin asked in children: in another one, for what is left, after one that did not end well.
pub(super) fn run(
    path: &Path,
    options: &Options,
    tell: &mut dyn FnMut(&Event),
) -> Result<Report, Finding> {
    let mut options = options.clone();
    let mut cases: Vec<Case> = Vec::new();
    loop {
        let mut attempt = Attempt::start(path, &options).map_err(|error| {
            Finding::error("LDR-TEST-CHILD", format!("no process can be started: {error}"))
                .hint("raise the limits of processes and open files (ulimit -u -n), then try again")
        })?;
        let how = attempt.follow(&options, tell);
        cases.append(&mut attempt.cases);
        let Some(how) = how else { break };
        let under = attempt.under.take().unwrap_or_else(|| ending(&cases));
        // What ends the process before it starts would do it again.
        let starts = |case: &Case| case.under.name == "starts" && case.outcome == Outcome::Passed;
        let is_hopeless = under.contract == PLUGIN && !cases.iter().any(starts);
        cases.push(broken(under, &how));
        if is_hopeless {
            break;
        }
        let asked: BTreeSet<String> = cases.iter().map(|case| case.under.group()).collect();
        // One that broke before it asked anything new asks nothing new the next time either.
        if asked == options.without {
            break;
        }
        options.without = asked;
    }
    Ok(Report { path: path.to_owned(), cases })
}

/// The process itself, after everything was asked.
fn ending(cases: &[Case]) -> Under {
    let plugin = cases.last().map(|case| case.under.plugin.clone()).unwrap_or_default();
    let (contract, capability) = (PLUGIN.to_owned(), plugin.clone());
    Under { plugin, contract, capability, name: ENDS_WELL.to_owned() }
}

fn broken(under: Under, how: &How) -> Case {
    let (message, hint) = how.words(&under);
    Case { under, outcome: Outcome::Failed, message, hint, took_us: 0 }
}

/// How a child ended that did not say that it was over.
enum How {
    Ended(ExitStatus, String),
    Silent(Duration, String),
}

impl How {
    fn words(&self, under: &Under) -> (String, String) {
        let (what, hint, output) = match self {
            Self::Ended(status, output) => match status.signal() {
                Some(signal) => (
                    format!("the process was killed by signal {signal} ({})", name(signal)),
                    "run the plugin's own tests under a debugger or AddressSanitizer; the crash is in \
                     its code or in what it links",
                    output,
                ),
                None => (
                    format!(
                        "the plugin ended the process with exit code {}",
                        status.code().unwrap_or_default()
                    ),
                    "return an error instead of calling `exit`: it would end the gateway",
                    output,
                ),
            },
            Self::Silent(time, output) => (
                format!("nothing happened for {} s, and the process was killed", time.as_secs()),
                "look for a lock that is never released, or a loop without an await",
                output,
            ),
        };
        let wrote = match output.trim() {
            "" => String::new(),
            output => format!("; it wrote \"{}\"", output.escape_debug()),
        };
        let message = format!(
            "{what} while `{}` was asked{wrote}; the rest of its group was not asked",
            under.name
        );
        (message, hint.to_owned())
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        31 => "SIGSYS",
        _ => "another signal",
    }
}

/// One child. However it goes out of scope, its whole group is killed and it is reaped.
struct Attempt {
    child: Child,
    lines: Receiver<String>,
    output: Option<JoinHandle<String>>,
    cases: Vec<Case>,
    /// What is asked now.
    under: Option<Under>,
}

impl Attempt {
    fn start(path: &Path, options: &Options) -> io::Result<Self> {
        let mut child = Command::new(PROGRAM)
            .arg(TestChild::COMMAND)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (input, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let output = thread::spawn(move || stderr.map(last_of).unwrap_or_default());
        let attempt = Self { child, lines, output: Some(output), cases: Vec::new(), under: None };
        let request = Request { path: path.to_owned(), options: options.clone() };
        if let Some(mut input) = input {
            input.write_all(&serde_json::to_vec(&request)?)?;
        }
        Ok(attempt)
    }

    /// Listens to the child until it ends; nothing when it said all.
    fn follow(&mut self, options: &Options, tell: &mut dyn FnMut(&Event)) -> Option<How> {
        // A promise may take eight times as long as an answer.
        let silence = options.patience * 9 + GRACE;
        let mut heard = Instant::now();
        let status = loop {
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => {
                    heard = Instant::now();
                    match serde_json::from_str(&line) {
                        Ok(Line::Event(event)) => self.take(event, tell),
                        Ok(Line::Over) => return self.see_off(),
                        // Not of the child's making.
                        Err(_) => {}
                    }
                }
                // What it said last is taken before it is asked how it ended. It may go on without a word
                // after it closed its end.
                Err(_) => match self.child.try_wait() {
                    Ok(Some(status)) => break status,
                    Ok(None) if heard.elapsed() > silence => {
                        self.kill();
                        return Some(How::Silent(silence, self.output()));
                    }
                    Ok(None) => thread::sleep(Duration::from_millis(10)),
                    Err(_) => break ExitStatus::default(),
                },
            }
        };
        self.kill();
        Some(How::Ended(status, self.output()))
    }

    fn take(&mut self, event: Event, tell: &mut dyn FnMut(&Event)) {
        tell(&event);
        match event {
            Event::Began(under) => self.under = Some(under),
            Event::Ended(case) => {
                self.under = None;
                self.cases.push(case);
            }
        }
    }

    /// Waits for the end of a child that said all.
    fn see_off(&mut self) -> Option<How> {
        let end = Instant::now() + LAST_MOMENT;
        while Instant::now() < end {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return None,
                Ok(Some(status)) => {
                    self.kill();
                    return Some(How::Ended(status, self.output()));
                }
                _ => thread::sleep(Duration::from_millis(5)),
            }
        }
        self.kill();
        None
    }

    fn kill(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }

    /// The last of what the plugin wrote, once the child is gone.
    fn output(&mut self) -> String {
        self.output.take().and_then(|output| output.join().ok()).unwrap_or_default()
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads to the end, and keeps the last of it.
fn last_of(mut source: impl Read) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = source.read(&mut piece) {
        kept.extend_from_slice(&piece[..count]);
        let extra = kept.len().saturating_sub(MOST_OUTPUT);
        kept.drain(..extra);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

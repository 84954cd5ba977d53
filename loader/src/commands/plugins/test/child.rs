//! The process that runs the plugin: it is told what to ask, and says what happens line by line.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use loader_testkit::suite::{self, Event, Options};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::stdio::{dup2_stdout, stderr, stdout};
use serde::{Deserialize, Serialize};

use crate::commands::runtime;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{CommandResult, Outcome};

/// What the child is told on standard input. Secrets are not for the list of processes.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) path: PathBuf,
    pub(super) options: Options,
}

/// One line of what it says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// Something happened.
    Event(Event),
    /// Everything was asked.
    Over,
}

/// Asks what it is told to.
pub(in crate::commands) fn child() -> CommandResult {
    let lines = withdraw().map_err(|error| failed(&error))?;
    let request: Request =
        serde_json::from_reader(io::stdin()).map_err(|error| failed(&error.into()))?;
    let say = |line: Line| {
        let text = serde_json::to_string(&line).unwrap_or_default() + "\n";
        // Whoever listened is gone, and so is this process in a moment.
        let _ = (&lines).write_all(text.as_bytes());
    };
    let runtime = runtime::many()?;
    let asked = runtime.block_on(async {
        let mut tell = |event| say(Line::Event(event));
        suite::run(&request.path, &request.options, &mut tell).await
    });
    asked.map_err(Finding::from)?;
    say(Line::Over);
    // What does not end is not waited for.
    runtime.shutdown_background();
    Ok(Outcome::Ended(Exit::Success))
}

/// Takes standard output from the plugin, which finds standard error in its place, and sees to it that
/// this process harms nobody when it ends.
fn withdraw() -> io::Result<File> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let most = getrlimit(Resource::Core).maximum;
    // One byte instead of none: with none, a program that collects dumps would still be started.
    setrlimit(
        Resource::Core,
        Rlimit { current: Some(most.map_or(1, |most| most.min(1))), maximum: most },
    )?;
    let lines = fcntl_dupfd_cloexec(stdout(), 3)?;
    dup2_stdout(stderr())?;
    Ok(File::from(lines))
}

fn failed(error: &io::Error) -> Finding {
    Finding::error("LDR-TEST-CHILD", format!("the plugin cannot be asked: {error}"))
        .hint("loader plugins test PATH starts this by itself")
}

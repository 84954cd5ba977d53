//! A gateway that runs for a test and is killed with it.

use std::borrow::BorrowMut;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::context::Context;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway that serves.
pub(crate) struct Gateway {
    pub(crate) url: String,
    pub(crate) token: String,
    /// The line it said so with.
    pub(crate) line: Value,
    running: Running,
}

impl Gateway {
    /// Starts one on a free port, and waits until it serves.
    pub(crate) fn start(context: &Context, arguments: &[&str]) -> Self {
        Self::start_with(context, arguments, |_| ())
    }

    /// The same, with more to be said of the process.
    pub(crate) fn start_with(
        context: &Context,
        arguments: &[&str],
        configure: impl FnOnce(&mut Command),
    ) -> Self {
        let usual = ["run", "--listen", "127.0.0.1:0", "--ready-json"];
        let mut command = context.command(&[&usual[..], arguments].concat());
        configure(&mut command);
        let mut running = Running::start(command);
        let line = running.line();
        let line: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |key: &str| line[key].as_str().unwrap_or_else(|| panic!("{key}: {line}"));
        let token = fs::read_to_string(text("token_file")).expect("there is a token");
        let (url, token) = (text("url").to_owned(), token.trim().to_owned());
        Self { url, token, line, running }
    }

    pub(crate) fn signal(&self, name: &str) {
        self.running.signal(name);
    }

    /// Waits for its end; what else it wrote to standard output, and its standard error.
    pub(crate) fn end(self) -> (ExitStatus, String, String) {
        self.running.end()
    }

    /// Asks it to stop and waits for its end.
    pub(crate) fn stop(self) -> (ExitStatus, String, String) {
        self.signal("TERM");
        self.end()
    }
}

/// A process whose output is read, and which is killed with the test.
pub(crate) struct Running {
    child: Child,
    /// Its standard output, unless the test has that go somewhere else.
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    pub(crate) fn start(mut command: impl BorrowMut<Command>) -> Self {
        let mut child = command.borrow_mut().spawn().expect("it starts");
        let stdout = child.stdout.take().map(BufReader::new);
        let mut stderr = child.stderr.take().expect("it is piped");
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("it is UTF-8");
            text
        });
        Self { child, stdout, stderr: Some(stderr) }
    }

    /// Its standard input, if it is piped.
    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().expect("it is piped");
        stdout.read_line(&mut line).expect("it is UTF-8");
        if line.is_empty() {
            let _ = self.child.kill();
            let stderr = self.stderr.take().map(JoinHandle::join);
            panic!("it ended before it said anything: {stderr:?}");
        }
        line
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(kill.expect("there is kill").success());
    }

    /// Waits for its end; the rest of standard output, and all of standard error. What does not end
    /// is killed, so that its test fails rather than hangs.
    pub(crate) fn end(mut self) -> (ExitStatus, String, String) {
        let (ended, watchdog) = mpsc::channel::<()>();
        let id = self.child.id();
        std::thread::spawn(move || {
            if watchdog.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-s", "KILL", &id.to_string()]).status();
            }
        });
        let mut stdout = String::new();
        if let Some(rest) = &mut self.stdout {
            rest.read_to_string(&mut stdout).expect("it is UTF-8");
        }
        let status = self.child.wait().expect("it ends");
        drop(ended);
        let stderr = self.stderr.take().expect("it was not read yet").join().expect("no panic");
        (status, stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Processes the tests start: they end with the test, and their first line of output is awaited.

use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// A process that is killed when the test ends.
pub struct Running {
    /// The process.
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts a program whose standard output is read line by line.
    pub fn start(program: &Path, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        configure(&mut command);
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let stdout = child.stdout.take().expect("stdout is piped");
        Self { child, lines: BufReader::new(stdout).lines() }
    }

    /// The next line of output; a failure when none comes within half a minute.
    pub async fn line(&mut self) -> String {
        let line = tokio::time::timeout(Duration::from_secs(30), self.lines.next_line()).await;
        let line = line.expect("a line within half a minute").expect("the output can be read");
        line.expect("the process said something before it ended")
    }

    /// The next line of output, as JSON.
    pub async fn json(&mut self) -> serde_json::Value {
        let line = self.line().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("the process is running").to_string();
        let status = std::process::Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.expect("kill can be run").success());
    }
}

//! The product as a user starts it: `loader run`, up to its ready line.

use crate::{Home, build, process::Running};
use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

/// What a gateway logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// Errors, which are shown.
    Errors,
    /// What it logs by default, a line per request among it; nobody sees it.
    Default,
}

/// A gateway that serves; it is killed when it is dropped.
pub struct Gateway {
    /// Where it serves, without a slash at the end.
    pub url: String,
    /// What a client must say in `Authorization`.
    pub authorization: String,
    /// How long it took from being executed to saying that it serves.
    pub took: Duration,
    running: Running,
}

impl Gateway {
    /// Starts a gateway with the plugins of this home, each setting as `key=value`.
    pub async fn start(home: &Home, settings: &[&str], logs: Logs) -> Self {
        let program = build::loader();
        let folder = home.state();
        let began = Instant::now();
        let mut running = Running::start(&program, |command| {
            // The user's own configuration must not slip in.
            command.env_clear().env("HOME", &folder).current_dir(&folder);
            match logs {
                Logs::Errors => command.arg("--quiet"),
                Logs::Default => command.stderr(Stdio::null()),
            };
            command.arg("--state-dir").arg(&folder).arg("--plugins-dir").arg(home.plugins());
            for setting in settings {
                command.args(["--set", setting]);
            }
            command.args(["run", "--listen", "127.0.0.1:0", "--ready-json"]);
        });
        let ready = running.json().await;
        let took = began.elapsed();
        let said = |key: &str| {
            let value = ready[key].as_str();
            value.unwrap_or_else(|| panic!("the ready line has no `{key}`: {ready}")).to_owned()
        };
        let token = fs::read_to_string(said("token_file")).expect("the token can be read");
        Self {
            url: said("url").trim_end_matches('/').to_owned(),
            authorization: format!("Bearer {}", token.trim()),
            took,
            running,
        }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.running.child.id().expect("the gateway is running")
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(mut self) {
        self.running.signal("TERM");
        let status = self.running.child.wait().await.expect("the gateway can be waited for");
        assert!(status.success(), "the gateway ended with {status}");
    }
}

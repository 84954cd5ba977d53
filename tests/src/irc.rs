//! A real IRC server, accounts on it, and a person who talks to them.

use crate::{Home, peers, process::Running};
use serde_json::Value;
use std::{fs, path::PathBuf};
use tokio::process::Command;

/// A running server. It ends with the test.
pub struct IrcServer {
    process: Running,
    folder: PathBuf,
    said: Value,
}

impl IrcServer {
    /// Starts one with its files in this home.
    pub async fn start(home: &Home) -> Self {
        let folder = home.state().join("ngircd");
        let (process, said) = start(&folder, &[]).await;
        Self { process, folder, said }
    }

    /// Where it listens without TLS.
    pub fn port(&self) -> u16 {
        self.number("port")
    }

    /// Ends it without a farewell.
    pub async fn kill(&mut self) {
        let id = self.said["pid"].as_u64().expect("a process id").to_string();
        let killed = std::process::Command::new("kill").args(["-s", "KILL", &id]).status();
        assert!(killed.expect("kill can be run").success());
        self.process.child.wait().await.expect("it can be waited for");
    }

    /// Starts one that was killed at the same place.
    pub async fn start_again(&mut self) {
        let (port, tls_port) = (self.port().to_string(), self.number("tls_port").to_string());
        let same = ["--port", &port, "--tls-port", &tls_port];
        (self.process, self.said) = start(&self.folder, &same).await;
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("peer.log")).expect("the server's log")
    }

    /// The configuration of an account in `#test`, which says so many messages a second.
    pub fn account(&self, name: &str, nick: &str, pace: f64) -> String {
        account(name, nick, pace, &format!("port = {}\ntls = false\n", self.port()))
    }

    /// The same over TLS.
    pub fn account_over_tls(&self, name: &str, nick: &str, pace: f64) -> String {
        let certificate = self.said["certificate"].as_str().expect("a certificate");
        let port = self.number("tls_port");
        account(name, nick, pace, &format!("port = {port}\ntls_ca_file = \"{certificate}\"\n"))
    }

    /// A person talks to a bot and hears the answers: what `irc_user.py` is told to do, and what it saw.
    pub async fn talk(&self, arguments: &[&str]) -> Vec<Value> {
        let output = Command::new("python3")
            .arg(peers::script("irc_user.py"))
            .args(["--port", &self.port().to_string(), "--seconds", "40"])
            .args(arguments)
            .output()
            .await
            .expect("the user can be run");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let events: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
        let done = events.last().expect("a last event");
        assert_eq!((&done["event"], &done["ok"]), (&"done".into(), &true.into()), "{text}");
        events
    }

    fn number(&self, key: &str) -> u16 {
        let number = self.said[key].as_u64().expect("a number");
        number.try_into().expect("a port")
    }
}

async fn start(folder: &std::path::Path, more: &[&str]) -> (Running, Value) {
    let mut arguments = vec!["ngircd", "--directory", folder.to_str().expect("UTF-8")];
    arguments.extend(more);
    peers::start(&arguments).await
}

fn account(name: &str, nick: &str, pace: f64, reach: &str) -> String {
    format!(
        "[channels.irc.accounts.{name}]\nhost = \"127.0.0.1\"\n{reach}nick = \"{nick}\"\n\
         channels = [\"#test\"]\nmessages_per_second = {pace}\n"
    )
}

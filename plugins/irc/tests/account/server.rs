//! A server played by the test, line by line.

use crate::host::{Line, Stage, soon};
use irc::framing::Framing;
use loader_sdk::contract::channel::AccountState::Connected;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// One connection to the played server.
pub(crate) struct Server {
    line: Line,
    framing: Framing,
    lines: VecDeque<String>,
}

impl Server {
    /// The plugin's next connection.
    pub(crate) async fn accept(stage: &mut Stage) -> Self {
        let line = soon(stage.lines.recv()).await.expect("a connection");
        Self { line, framing: Framing::new(), lines: VecDeque::new() }
    }

    /// The plugin's next connection, taken to where the account is online in `#room`.
    pub(crate) async fn welcome(stage: &mut Stage) -> Self {
        let mut server = Self::accept(stage).await;
        server.let_in(&["CAP LS 302", "NICK bot", "USER bot 0 * :bot"]).await;
        server
    }

    /// Lets the account in after these first lines, and takes it to where it is online in `#room`.
    pub(crate) async fn let_in(&mut self, first_lines: &[&str]) {
        for expected in first_lines {
            self.expect(expected).await;
        }
        self.say(":s CAP * LS :");
        self.expect("CAP END").await;
        self.say(":s 001 bot :Welcome");
        self.expect("USERHOST bot").await;
        self.expect("JOIN #room").await;
        self.expect("PING :loader-ready").await;
        self.say(":bot!~bot@host JOIN #room");
        self.say(":s PONG s :loader-ready");
    }

    /// What the plugin asked the host for.
    pub(crate) fn request(&self) -> &loader_sdk::contract::service::net::Connect {
        &self.line.request
    }

    /// Says one line.
    pub(crate) fn say(&self, line: &str) {
        self.line.read.push(format!("{line}\r\n").into_bytes());
    }

    /// Says bytes as they are.
    pub(crate) fn say_bytes(&self, bytes: &[u8]) {
        self.line.read.push(bytes.to_vec());
    }

    /// The next line the plugin said; `None` after it hung up.
    pub(crate) async fn hear(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            let bytes = soon(self.line.written.pull()).await?;
            assert!(bytes.ends_with(b"\r\n"), "a write is whole lines");
            let lines = self.framing.lines(&bytes);
            self.lines
                .extend(lines.into_iter().map(|line| String::from_utf8(line).expect("UTF-8")));
        }
    }

    /// The next line must be this one.
    pub(crate) async fn expect(&mut self, line: &str) {
        assert_eq!(self.hear().await.as_deref(), Some(line));
    }

    /// Waits for this line, and says how many came before it.
    pub(crate) async fn until(&mut self, line: &str) -> usize {
        let mut before = 0;
        while self.hear().await.expect("a line") != line {
            before += 1;
        }
        before
    }

    /// Hangs up.
    pub(crate) fn hang_up(&self) {
        self.line.read.end();
        self.line.written.end();
    }

    /// Stops reading what the plugin writes, or reads it again.
    pub(crate) fn stop_reading(&self, stop: bool) {
        self.line.written.stuff(stop);
    }
}

/// A plugin whose account with these settings is online, and the server it is on.
pub(crate) async fn online_with(settings: Value) -> (Stage, Server) {
    let mut stage = Stage::new().await;
    stage.connect("home", settings).await.expect("valid settings");
    let server = Server::welcome(&mut stage).await;
    stage.until(Connected).await;
    (stage, server)
}

/// Settings of an account that needs neither TLS nor patience.
pub(crate) fn settings() -> Value {
    json!({
        "host": "irc.example", "tls": false, "nick": "bot", "channels": ["#room"],
        "messages_per_second": 0,
    })
}

/// The same with one key changed.
pub(crate) fn settings_with(key: &str, value: Value) -> Value {
    let mut settings = settings();
    settings[key] = value;
    settings
}

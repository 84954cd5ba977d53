//! Against a real server, where Debian's `ngircd` is installed:
//!
//! ```text
//! cargo test -p irc --test account -- --ignored
//! ```

use crate::host::Stage;
use loader_sdk::contract::channel::AccountState::{Connected, Disconnected, Failed, Reconnecting};
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpStream, tcp},
    time::{Duration, timeout},
};

/// A running server. Killed when dropped.
struct Ngircd {
    process: Child,
    config: PathBuf,
    port: u16,
}

impl Ngircd {
    async fn start(name: &str, password: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{port}.conf"));
        let text = format!(
            "[Global]\nName = irc.example.test\nInfo = Test\nListen = 127.0.0.1\nPorts = {port}\n\
             {password}\n[Limits]\nMaxConnectionsIP = 0\nMaxNickLength = 20\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\n"
        );
        fs::write(&config, text).expect("a configuration");
        let process = Self::spawn(&config);
        let server = Self { process, config, port };
        server.until_up().await;
        server
    }

    fn spawn(config: &PathBuf) -> Child {
        let mut command = Command::new("ngircd");
        command.arg("--nodaemon").arg("--config").arg(config);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("ngircd is installed")
    }

    async fn until_up(&self) {
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    async fn restart(&mut self) {
        self.process = Self::spawn(&self.config);
        self.until_up().await;
    }

    fn settings(&self, nick: &str) -> Value {
        json!({
            "host": "127.0.0.1", "port": self.port, "tls": false, "nick": nick,
            "channels": ["#Room"], "messages_per_second": 0,
        })
    }
}

impl Drop for Ngircd {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_file(&self.config);
    }
}

/// A person with a very simple client.
struct Person {
    lines: Lines<BufReader<tcp::OwnedReadHalf>>,
    writer: tcp::OwnedWriteHalf,
}

impl Person {
    async fn join(server: &Ngircd) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port)).await.expect("a connection");
        let (reader, writer) = stream.into_split();
        let mut person = Self { lines: BufReader::new(reader).lines(), writer };
        person.say("NICK alice").await;
        person.say("USER alice 0 * :Alice").await;
        person.hear(" 376 ").await;
        person.say("JOIN #room").await;
        person.hear(" 366 ").await;
        person
    }

    async fn say(&mut self, line: &str) {
        self.writer.write_all(format!("{line}\r\n").as_bytes()).await.expect("written");
    }

    /// The next line with this in it.
    async fn hear(&mut self, wanted: &str) -> String {
        let mut before = Vec::new();
        let search = async {
            loop {
                let line = self.lines.next_line().await.expect("read").expect("a line");
                if let Some(token) = line.strip_prefix("PING ") {
                    let answer = format!("PONG {token}");
                    self.say(&answer).await;
                }
                if line.contains(wanted) {
                    return line;
                }
                before.push(line);
            }
        };
        let found = timeout(Duration::from_secs(10), search).await;
        found.unwrap_or_else(|_| panic!("no `{wanted}` in {before:#?}"))
    }
}

#[tokio::test]
#[ignore = "needs ngircd"]
async fn two_accounts_talk_on_a_real_server() {
    let mut server = Ngircd::start("talk", "").await;
    let mut stage = Stage::on_tcp().await;
    stage.connect("home", server.settings("homebot")).await.expect("valid settings");
    stage.until(Connected).await;
    stage.connect("work", server.settings("homebot")).await.expect("valid settings");
    let (_, status) = stage.until(Connected).await;
    assert_eq!((status.account.as_str(), status.identity.as_str()), ("work", "homebot_"));

    let mut alice = Person::join(&server).await;
    for number in 0..5 {
        alice.say(&format!("PRIVMSG #room :homebot_: question {number}")).await;
    }
    let mut heard = Vec::new();
    while heard.len() < 10 {
        heard.push(stage.message().await);
    }
    for (account, addressed) in [("home", false), ("work", true)] {
        let texts: Vec<_> = heard
            .iter()
            .filter(|message| message.account == account && message.addressed == addressed)
            .map(|message| message.text.trim_start_matches("homebot_: "))
            .collect();
        assert_eq!(texts, [0, 1, 2, 3, 4].map(|number| format!("question {number}")), "{account}");
    }

    let text = "Füße und Bäume 🦀 ".repeat(80);
    let pieces = stage.send("one", "#room", &text).await.expect("sent");
    assert!(pieces >= 4, "{pieces}");
    let mut joined = Vec::new();
    for piece in 0..pieces {
        let line = alice.hear("PRIVMSG #Room :").await;
        assert!(line.len() + 2 <= 512, "{}", line.len());
        assert!(piece + 1 == pieces || line.len() > 480, "the line is used: {}", line.len());
        joined.push(line.split_once(" :").expect("a text").1.to_owned());
    }
    // This server takes the space off the end of every line.
    assert_eq!(joined.join(" "), text.trim_end(), "nothing is cut off on the way");

    server.kill();
    let mut states = Vec::new();
    for _ in 0..4 {
        let status = stage.status().await;
        states.push((status.account, status.state));
    }
    for account in ["home", "work"] {
        let states: Vec<_> =
            states.iter().filter(|(name, _)| name == account).map(|(_, state)| *state).collect();
        assert_eq!(states, [Disconnected, Reconnecting], "{account}");
    }
    server.restart().await;
    stage.until(Connected).await;
    stage.until(Connected).await;
    let mut alice = Person::join(&server).await;
    assert_eq!(stage.send("one", "#room", &text).await.expect("remembered"), pieces);
    stage.send("two", "#room", "back again").await.expect("sent");
    let line = alice.hear("PRIVMSG #Room :").await;
    assert!(line.ends_with(":back again"), "nothing is said twice: {line}");
    stage.stop().await;
    alice.hear("QUIT :").await;
}

#[tokio::test]
#[ignore = "needs ngircd"]
async fn a_real_server_refuses_a_wrong_password_for_good() {
    let server = Ngircd::start("password", "Password = sesame").await;
    let mut stage = Stage::on_tcp().await;
    let mut settings = server.settings("bot");
    settings["password"] = json!("swordfish");
    stage.connect("home", settings).await.expect("valid settings");
    let (_, status) = stage.until(Failed).await;
    assert!(!status.detail.contains("swordfish"), "{}", status.detail);
    let mut settings = server.settings("bot");
    settings["password"] = json!("sesame");
    stage.connect("home", settings).await.expect("valid settings");
    stage.until(Connected).await;
}

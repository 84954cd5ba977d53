//! Conversations on a real IRC server while the channel's plugin is reloaded: the server notices
//! nothing, and every message is answered once and in order.

use integration_tests::{Home, irc::IrcServer, often, peers};
use loader_core::{
    CallOptions, ReloadRequest,
    discovery::{Origin, Root},
    message::Metadata,
    reload::{Cause, Reload, Verdict},
    services::SecretBytes,
};
use loader_gateway::{Gateway, Settings, config::Config};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpStream, tcp},
    task::JoinHandle,
    time::timeout,
};

/// How many questions wait for their answers at any time.
const IN_FLIGHT: usize = 8;

/// A gateway with the channel and a model, and the server its accounts are on.
struct Stage {
    gateway: Gateway,
    server: IrcServer,
    _home: Home,
}

impl Stage {
    /// Starts both, and waits until every account is in `#test`.
    async fn new(accounts: &[(&str, f64)]) -> Self {
        let home = Home::new();
        for plugin in ["echo", "irc"] {
            home.add(plugin);
        }
        let server = IrcServer::start(&home).await;
        let config = accounts.iter().map(|(name, pace)| server.account(name, name, *pace));
        let config: Config = toml::from_str(&config.collect::<String>()).expect("valid settings");
        let settings = Settings {
            config,
            state_dir: home.state(),
            roots: vec![Root { path: home.plugins(), origin: Origin::Bundled, required: true }],
            index: None,
            secrets: Arc::new(BTreeMap::<String, SecretBytes>::new()),
            host: "loader-test 0".into(),
            log_filter: None,
            probe: None,
            crash: None,
            on_demand: false,
        };
        let (gateway, findings) = Gateway::start(settings).await.expect("it starts");
        integration_tests::expect_no_error(&findings);
        Self { gateway, server, _home: home }
    }

    /// Reloads the channel's plugin, and waits until nothing is left to do.
    async fn reload(&self, window: Duration) -> (u64, JoinHandle<Option<Reload>>) {
        let request = ReloadRequest { window: Some(window), ..Cause::Requested.into() };
        let engine = self.gateway.engine().clone();
        let number = engine.reload("irc", request).expect("it is served");
        engine.reloads().published(number).await.expect("it is remembered");
        let over = tokio::spawn(async move { engine.reloads().over(number).await });
        (number, over)
    }

    /// How often the server let somebody connect, and a bot in.
    fn server_saw(&self) -> (usize, usize) {
        let log = self.server.log();
        let connections = log.matches("Accepted connection").count();
        let bots = log.lines().filter(|line| line.contains("\" registered"));
        (connections, bots.filter(|line| !line.contains("User \"person!")).count())
    }

    /// Says goodbye, and waits until the person has seen it.
    async fn stop(self, mut person: Person, bots: usize) {
        let outcomes = self.gateway.stop(Duration::from_secs(2)).await;
        integration_tests::expect_unloaded(&outcomes);
        for _ in 0..bots {
            let line = person.hear().await;
            assert!(line.contains(" QUIT ") && line.contains("shutting down"), "{line}");
        }
    }
}

/// A person with a very simple client, in `#test`.
struct Person {
    lines: Lines<BufReader<tcp::OwnedReadHalf>>,
    writer: tcp::OwnedWriteHalf,
}

impl Person {
    /// Joins, and waits for everyone else.
    async fn join(port: u16, others: &[&str]) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        let (reader, writer) = stream.into_split();
        let mut person = Self { lines: BufReader::new(reader).lines(), writer };
        person.say("NICK person").await;
        person.say("USER person 0 * :Person").await;
        while !person.hear().await.contains(" 376 ") {}
        person.say("JOIN #test").await;
        // The end of the names counts as one of those who are waited for.
        let mut missing: BTreeSet<&str> = others.iter().copied().chain([" 366 "]).collect();
        while !missing.is_empty() {
            let line = person.hear().await;
            let tells = [" JOIN ", " 353 ", " 366 "].iter().any(|command| line.contains(command));
            missing.retain(|name| !(tells && line.contains(name)));
        }
        person
    }

    async fn say(&mut self, line: &str) {
        self.writer.write_all(format!("{line}\r\n").as_bytes()).await.expect("written");
    }

    /// The next line that is no question of the server's.
    async fn hear(&mut self) -> String {
        loop {
            let line = timeout(Duration::from_secs(60), self.lines.next_line()).await;
            let line = line.expect("a line within a minute").expect("read").expect("a line");
            match line.strip_prefix("PING ") {
                Some(token) => self.say(&format!("PONG {token}")).await,
                None => return line,
            }
        }
    }

    /// Asks the bot one question after the other until told to stop; says how many were answered, and
    /// what somebody else said meanwhile. Every question must be answered once, in order.
    fn converse(mut self, stop: Arc<AtomicBool>) -> JoinHandle<(Self, usize, Vec<String>)> {
        tokio::spawn(async move {
            let (mut asked, mut answered, mut heard) = (0, 0, Vec::new());
            loop {
                while asked - answered < IN_FLIGHT && !stop.load(SeqCst) {
                    asked += 1;
                    self.say(&format!("PRIVMSG #test :bot: line {asked}")).await;
                }
                if answered == asked {
                    return (self, answered, heard);
                }
                let line = self.hear().await;
                let Some((source, text)) = line.split_once(" PRIVMSG #test :") else {
                    panic!("nobody comes or goes: {line}");
                };
                if source.starts_with(":bot!") {
                    answered += 1;
                    assert_eq!(text, format!("line {answered}"));
                } else {
                    heard.push(text.to_owned());
                }
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_not_notice_a_hundred_reloads_in_mid_conversation() {
    if peers::installed().is_none() {
        return;
    }
    let reloads = often("LOADER_TEST_IRC_RELOADS", 100);
    let stage = Stage::new(&[("bot", 0.0)]).await;
    let person = Person::join(stage.server.port(), &["bot"]).await;
    let before = stage.server_saw();
    let stop = Arc::new(AtomicBool::new(false));
    let conversation = person.converse(stop.clone());
    let mut decided = Vec::new();
    for _ in 0..reloads {
        let (_, over) = stage.reload(Duration::ZERO).await;
        let reload = over.await.expect("no panic").expect("it is remembered");
        assert_eq!(reload.verdict, Some(Verdict::Kept), "{:?}", reload.findings);
        assert!(reload.steps.iter().any(|step| step.name == "import"), "{:?}", reload.steps);
        assert!(!conversation.is_finished(), "the conversation broke off");
        decided.extend(reload.decided_us);
    }
    stop.store(true, SeqCst);
    let (person, answered, _) = conversation.await.expect("every answer came once and in order");
    assert_eq!(stage.server_saw(), before, "the server saw another connection");
    assert!(answered as u64 >= reloads, "{answered} questions are no conversation");
    decided.sort_unstable();
    println!(
        "{reloads} reloads, median {} ms; {answered} questions, each answered once and in order; \
         the server saw {} connection of the bot",
        decided[decided.len() / 2] / 1000,
        before.1
    );
    stage.stop(person, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_is_withdrawn_hands_the_conversation_back() {
    if peers::installed().is_none() {
        return;
    }
    let stage = Stage::new(&[("bot", 0.0), ("slow", 20.0)]).await;
    let person = Person::join(stage.server.port(), &["bot", "slow"]).await;
    let before = stage.server_saw();
    let stop = Arc::new(AtomicBool::new(false));
    let conversation = person.converse(stop.clone());
    let engine = stage.gateway.engine();
    let (_, over) = stage.reload(Duration::from_secs(60)).await;
    // Three calls that are not answered in time send the fresh generation back. What they asked for is
    // done nonetheless, by whoever has the account.
    let texts: Vec<Vec<String>> =
        (0..3).map(|text| (0..20).map(|line| format!("{text}.{line}")).collect()).collect();
    for (number, text) in texts.iter().enumerate() {
        let target = engine.target("channel/1", Some("irc"), "send").expect("it is served");
        let request = serde_json::json!({
            "account": "slow", "conversation": "#test", "text": text.join("\n"),
        });
        let mut options = CallOptions::by("test").within(Duration::from_millis(200));
        options.idempotency_key = format!("slow-{number}");
        let body = serde_json::to_vec(&request).expect("JSON");
        let late = target.call(options, Metadata::new(), body).await.expect_err("it takes longer");
        assert_eq!(late.code, "LDR-CALL-DEADLINE");
    }
    let reload = over.await.expect("no panic").expect("it is remembered");
    assert_eq!(reload.verdict, Some(Verdict::Returned), "{reload:?}");
    let lost = reload.findings.iter().any(|finding| finding.code == "LDR-RELOAD-STATE-LOST");
    assert!(!lost, "{:?}", reload.findings);
    // The key is remembered: this waits for the last line, and says nothing again.
    let target = engine.target("channel/1", Some("irc"), "send").expect("it is served");
    let request = serde_json::json!({ "account": "slow", "conversation": "#test", "text": "no" });
    let mut options = CallOptions::by("test").within(Duration::from_secs(30));
    options.idempotency_key = "slow-2".to_owned();
    let body = serde_json::to_vec(&request).expect("JSON");
    let sent = target.call(options, Metadata::new(), body).await.expect("it was sent");
    let sent: serde_json::Value = serde_json::from_slice(&sent.body).expect("JSON");
    assert_eq!(sent["pieces"], 20);
    assert!(!conversation.is_finished(), "the conversation broke off");
    stop.store(true, SeqCst);
    let (mut person, answered, mut heard) =
        conversation.await.expect("every answer came once and in order");
    let expected: Vec<String> = texts.into_iter().flatten().collect();
    while heard.len() < expected.len() {
        let line = person.hear().await;
        heard.push(line.split_once(" PRIVMSG #test :").expect("a message").1.to_owned());
    }
    assert_eq!(heard, expected, "what waited is said once and in order");
    assert!(answered > 0);
    assert_eq!(stage.server_saw(), before, "the server saw another connection");
    stage.stop(person, 2).await;
}

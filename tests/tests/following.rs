//! What an engine makes of files that change: releases that go and come back, files of every kind, and
//! secrets of plugins that come while the gateway runs.

use integration_tests::{
    Home, build, client::Client, expect_no_error, gateway, get, mapped_images, operator::Operator,
};
use loader_core::{
    CallOptions, Engine, Options, Status,
    discovery::{Origin, Root},
    reload::Cause,
    services::SecretBytes,
};
use loader_gateway::{Gateway, Settings, config::Config};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(15);

/// An engine that serves what is found, and follows the files.
async fn follower(options: Options) -> Engine {
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load_all().await);
    let following = engine.clone();
    let followed = tokio::task::spawn_blocking(move || following.follow()).await;
    followed.expect("no panic").expect("the files are watched");
    engine
}

/// The same over an operator's plugins.
async fn follower_of(operator: &Operator, home: &Home) -> Engine {
    let mut options = home.options();
    let root = Root { path: operator.plugins(), origin: Origin::User, required: true };
    options.roots = vec![root];
    follower(options).await
}

fn status(engine: &Engine, id: &str) -> Option<Status> {
    engine.snapshot().plugin(id).map(|record| record.status)
}

async fn until(engine: &Engine, what: &str, is_so: impl Fn() -> bool) {
    let mut changes = engine.registry().changes();
    let wait = async {
        while !is_so() {
            changes.changed().await.expect("the engine lives");
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A bundle with one skill.
fn house(folder: &Path) -> PathBuf {
    let folder = folder.join("house");
    fs::create_dir_all(&folder).expect("a folder");
    let manifest = "manifest = 1\nid = \"house\"\nversion = \"1.0.0\"\n\n[bundle]\n\
                    skills = [\"cook.md\"]\n";
    fs::write(folder.join("plugin.toml"), manifest).expect("a manifest");
    fs::write(folder.join("cook.md"), "# Cook\n").expect("a skill");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_was_removed_is_loaded_when_it_is_installed_again() {
    let (operator, home) = (Operator::new(), Home::new());
    let hello = integration_tests::operator::release(operator.home(), "0.1.0");
    let house = house(operator.home());
    for folder in [&hello, &house] {
        operator.ask(&["plugins", "install", text(folder)]);
    }
    let engine = follower_of(&operator, &home).await;
    for round in 0..2 {
        for (id, folder, in_use) in
            [("hello", &hello, Status::Served), ("house", &house, Status::Ready)]
        {
            operator.ask(&["plugins", "remove", "--yes", id]);
            until(&engine, &format!("{id} removed, {round}"), || {
                status(&engine, id) == Some(Status::Stopped)
            })
            .await;
            assert!(engine.snapshot().plugin(id).is_some_and(|record| record.skills.is_empty()));
            operator.ask(&["plugins", "install", text(folder)]);
            until(&engine, &format!("{id} back, {round}"), || status(&engine, id) == Some(in_use))
                .await;
        }
    }
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_cannot_be_read_takes_nothing_down() {
    let (operator, home) = (Operator::new(), Home::new());
    let hello = integration_tests::operator::release(operator.home(), "0.1.0");
    operator.ask(&["plugins", "install", text(&hello)]);
    let engine = follower_of(&operator, &home).await;
    fs::write(operator.plugins().join("loader.lock"), "damaged").expect("written");
    // Whatever follows from the lock is done when a plugin that came with it is served.
    home.add("echo");
    fs::rename(home.plugins().join("echo"), operator.plugins().join("echo")).expect("moved");
    until(&engine, "echo", || status(&engine, "echo") == Some(Status::Served)).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(status(&engine, "hello"), Some(Status::Served));
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_plugin_that_drains_holds_up_no_other() {
    let (operator, home) = (Operator::new(), Home::new());
    let tide = home.add("tide");
    operator.ask(&["plugins", "install", text(&tide)]);
    let engine = follower_of(&operator, &home).await;
    let caller = engine.clone();
    let call = tokio::spawn(async move { get(&caller, "tide", "/wait/12000").await });
    while engine.stats()[0].in_flight == 0 {
        sleep(Duration::from_millis(2)).await;
    }
    operator.ask(&["plugins", "remove", "--yes", "tide"]);
    until(&engine, "tide", || status(&engine, "tide") == Some(Status::Stopped)).await;
    home.add("echo");
    fs::rename(home.plugins().join("echo"), operator.plugins().join("echo")).expect("moved");
    until(&engine, "echo", || status(&engine, "echo") == Some(Status::Served)).await;
    assert!(!call.is_finished(), "tide drains");
    engine.stop(Duration::from_millis(100)).await;
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn skills_and_schemas_count_too() {
    let home = Home::new();
    let (house, openai) = (house(&home.plugins()), home.add("openai"));
    let engine = follower(home.options()).await;
    let title = || engine.snapshot().plugin("house").expect("known").skills[0].title.clone();
    assert_eq!(title().as_deref(), Some("Cook"));
    fs::write(house.join("cook.md"), "# Bake\n").expect("a skill");
    until(&engine, "the skill", || title().as_deref() == Some("Bake")).await;

    let schema = fs::read_dir(&openai).expect("a folder").map(|entry| entry.expect("one").path());
    let schema = schema.into_iter().find(|path| text(path).ends_with(".schema.json"));
    let schema = schema.expect("it has a schema");
    let words = fs::read_to_string(&schema).expect("text");
    fs::write(&schema, words.replace("One OpenAI-compatible server", "A server")).expect("written");
    let reloaded = async {
        while engine.reloads().list().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, reloaded).await.expect("the schema counts");
    assert_eq!(engine.reloads().list()[0].cause, Cause::Configuration);
    engine.stop(Duration::from_secs(1)).await;
}

/// How many bytes a process has read.
fn read_by(process: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{process}/io")).expect("Linux");
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("rchar");
    read.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_is_read() {
    const BULK: u64 = 128 << 20;
    let home = Home::new();
    let (tide, hello) = (home.add("tide"), home.add("hello"));
    // Long, and not even switched on.
    File::options()
        .write(true)
        .open(hello.join("libhello.so"))
        .and_then(|file| file.set_len(BULK))
        .expect("a long library");
    let config = "[plugins.entries.hello]\nenabled = false\n[plugins.reload]\nwindow_ms = 0\n";
    let gateway = gateway::Gateway::start(&home, config).await;
    let mut client = Client::connect(&gateway).await;
    let life = async |client: &mut Client| client.get("/tide/life").await.expect("an answer").body;
    // What comes to rest at the beginning is looked at once.
    let process = gateway.process.child.id().expect("it runs");
    let mut before = read_by(process);
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = read_by(process);
        if now - before < BULK / 2 {
            before = now;
            break;
        }
        before = now;
    }
    let first = life(&mut client).await;
    let mut bytes = fs::read(build::library("tide")).expect("the fixture");
    bytes.push(0);
    fs::write(tide.join("libtide.so.new"), bytes).expect("written");
    fs::rename(tide.join("libtide.so.new"), tide.join("libtide.so")).expect("renamed");
    let began = Instant::now();
    while life(&mut client).await == first {
        assert!(began.elapsed() < PATIENCE, "the change was not noticed");
        sleep(Duration::from_millis(5)).await;
    }
    let read = read_by(process) - before;
    println!(
        "one plugin of {} bytes changed: {read} bytes read",
        fs::metadata(tide.join("libtide.so")).expect("there").len()
    );
    assert!(read < BULK, "{read} bytes were read");
}

/// Waits for a connection, and for a line of what comes on it that begins so.
async fn hear(listener: &TcpListener, prefix: &str) -> (String, BufReader<TcpStream>) {
    let heard = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut lines = BufReader::new(stream);
        loop {
            let mut line = String::new();
            let length = lines.read_line(&mut line).await.expect("a line");
            assert!(length > 0, "nothing begins with `{prefix}`");
            if line.starts_with(prefix) {
                return (line.trim_end().to_owned(), lines);
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("somebody speaks")
}

/// A gateway without plugins, with these settings and secrets.
async fn gateway_of(home: &Home, config: &str, secret: (&str, &str)) -> Gateway {
    let secret = (secret.0.to_owned(), SecretBytes::from(secret.1.to_owned()));
    let settings = Settings {
        config: toml::from_str::<Config>(config).expect("valid settings"),
        state_dir: home.state(),
        roots: vec![Root { path: home.plugins(), origin: Origin::Bundled, required: true }],
        index: None,
        secrets: Arc::new(BTreeMap::from([secret])),
        host: "loader-test 0".into(),
        log_filter: None,
        probe: None,
        crash: None,
        on_demand: false,
    };
    let (gateway, findings) = Gateway::start(settings).await.expect("it starts");
    expect_no_error(&findings);
    gateway
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_comes_later_has_the_secrets_of_its_accounts() {
    let home = Home::new();
    let (server, port) = listen().await;
    let config = format!(
        "[channels.irc.accounts.main]\nhost = \"127.0.0.1\"\nport = {port}\ntls = false\n\
         nick = \"bot\"\npassword = \"secret:chat\"\n"
    );
    let gateway = gateway_of(&home, &config, ("chat", "hunter2")).await;
    home.add("irc");
    let (line, _stream) = hear(&server, "PASS ").await;
    assert_eq!(line.trim_start_matches("PASS ").trim_start_matches(':'), "hunter2");
    gateway.stop(Duration::from_millis(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_comes_later_has_the_secrets_of_its_defaults() {
    let home = Home::new();
    let (server, port) = listen().await;
    let config = format!(
        "[plugins.entries.openai.config]\nbase_url = \"http://127.0.0.1:{port}/v1\"\n\
         models = [\"small\"]\n"
    );
    let gateway = gateway_of(&home, &config, ("openai", "sk-later")).await;
    home.add("openai");
    let engine = gateway.engine();
    until(engine, "openai", || status(engine, "openai") == Some(Status::Served)).await;
    let asking = gateway.clone();
    let content = json!([{ "type": "text", "text": "hello" }]);
    let request = json!({ "model": "", "messages": [{ "role": "user", "content": content }] });
    let request = serde_json::from_value(request).expect("a request");
    let asked = tokio::spawn(async move {
        asking.generate(CallOptions::by("test"), "openai/small", request).await.map(|_| ())
    });
    let (line, mut stream) = tokio::select! {
        heard = hear(&server, "authorization: ") => heard,
        answer = asked => panic!("nobody was asked: {answer:?}"),
    };
    assert_eq!(line, "authorization: Bearer sk-later");
    let _ = stream.get_mut().shutdown().await;
    gateway.stop(Duration::from_millis(500)).await;
}

//! Another configuration while the gateway runs: what differs is done, and nothing else.

use integration_tests::{
    Home, build, expect_no_error, expect_unloaded, gateway::Gateway, get, irc::IrcServer, peers,
};
use loader_core::{Action, CallPolicy, Change, Engine, Options, PluginOptions, Status};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, FileTimes},
    io::{Seek as _, Write as _},
    path::PathBuf,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};
use tokio::{process::Command, time::sleep};

fn file(home: &Home) -> PathBuf {
    home.state().with_file_name("loader.toml")
}

/// Replaces the configuration as most editors do: another file is renamed over it.
fn edit(home: &Home, text: &str) {
    let fresh = home.state().with_file_name("loader.toml.new");
    fs::write(&fresh, text).expect("written");
    fs::rename(&fresh, file(home)).expect("renamed");
}

/// Somebody who goes on writing to the configuration, so that it is not read because of that.
struct Writer {
    open: File,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn begin(home: &Home) -> Self {
        let open = File::options().write(true).open(file(home)).expect("open");
        let (touched, done) = (open.try_clone().expect("open"), Arc::new(AtomicBool::new(false)));
        let over = done.clone();
        let thread = thread::spawn(move || {
            while !over.load(SeqCst) {
                let now = FileTimes::new().set_modified(SystemTime::now());
                touched.set_times(now).expect("touched");
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self { open, done, thread: Some(thread) }
    }

    fn write(&mut self, text: &str) {
        self.open.set_len(0).expect("emptied");
        self.open.rewind().expect("back");
        self.open.write_all(text.as_bytes()).expect("written");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.done.store(true, SeqCst);
        let _ = self.thread.take().expect("there from the beginning").join();
    }
}

/// Runs `loader config apply` beside the gateway.
async fn apply(home: &Home, more: &[&str]) -> Output {
    let mut command = Command::new(build::loader());
    command.arg("--config").arg(file(home)).arg("--state-dir").arg(home.state());
    command.args(["config", "apply"]).args(more).env_clear().env("HOME", home.state());
    command.output().await.expect("it can be run")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The status and the generation of each plugin.
async fn plugins(gateway: &Gateway) -> BTreeMap<String, (String, Option<u64>)> {
    let answer = gateway.get("/admin/status").await.expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let status: Value = serde_json::from_str(body).expect("JSON");
    let plugins = status["plugins"].as_array().expect("plugins").iter();
    let facts = plugins.map(|plugin| {
        let text = |key: &str| plugin[key].as_str().expect("text").to_owned();
        (text("id"), (text("status"), plugin["generation"].as_u64()))
    });
    facts.collect()
}

async fn greeting(gateway: &Gateway) -> String {
    let answer = gateway.get("/hello/you").await.expect("an answer");
    answer.split_once("\r\n\r\n").expect("a body").1.trim().to_owned()
}

async fn greeter() -> (Home, Gateway) {
    let home = Home::new();
    for plugin in ["echo", "hello"] {
        home.add(plugin);
    }
    let gateway = Gateway::start(&home, "").await;
    (home, gateway)
}

const APPLIED: &str = "the configuration is applied";

fn greets_with(word: &str) -> String {
    format!("[plugins.entries.hello.config]\ngreeting = {word}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_with_another_configuration_is_reloaded_and_no_other_is() {
    let (home, gateway) = greeter().await;
    let before = plugins(&gateway).await;
    assert_eq!(greeting(&gateway).await, "hello, you");
    edit(&home, &greets_with("'servus'"));
    let at = gateway.await_log(0, &[APPLIED, "plugins.entries.hello"]).await;
    assert_eq!(greeting(&gateway).await, "servus, you");
    let now = plugins(&gateway).await;
    assert_eq!(before["echo"], now["echo"]);
    assert!(now["hello"].1 > before["hello"].1, "{now:?}");

    // How it may be called changes without a fresh generation, and so does what is nobody's.
    let calls = "[plugins.entries.hello]\nmax_concurrent_calls = 7\n";
    edit(&home, &format!("[gateway]\nmax_body_bytes = 5000\n{calls}{}", greets_with("'servus'")));
    let at = gateway.await_log(at, &[APPLIED, "gateway.max_body_bytes"]).await;
    assert_eq!(plugins(&gateway).await, now);

    edit(&home, "[plugins.entries.hello]\nenabled = false\n");
    let at = gateway.await_log(at, &[APPLIED, "plugins.entries.hello.enabled"]).await;
    let off = plugins(&gateway).await;
    assert_eq!(off["hello"], ("disabled".into(), None));
    assert_eq!(before["echo"], off["echo"]);
    let gone = gateway.get("/hello/you").await.expect("an answer");
    assert!(gone.starts_with("HTTP/1.1 404"), "{gone}");

    edit(&home, "");
    gateway.await_log(at, &[APPLIED]).await;
    assert_eq!(greeting(&gateway).await, "hello, you");
    assert_eq!(plugins(&gateway).await["echo"], before["echo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_a_plugin_refuses_leaves_it_as_it_was() {
    let (home, gateway) = greeter().await;
    let before = plugins(&gateway).await;
    edit(&home, &greets_with("5"));
    gateway.await_log(0, &["reload:", "LDR-START-FAILED", "plugin=\"hello\""]).await;
    gateway.await_log(0, &[APPLIED]).await;
    assert_eq!(greeting(&gateway).await, "hello, you");
    assert_eq!(plugins(&gateway).await, before);

    // It is what is wanted still, and asked for it is tried again.
    let dry = apply(&home, &["--dry-run"]).await;
    assert!(said(&dry).contains("plugin hello: to be reloaded\n"), "{}", said(&dry));
    assert_eq!(dry.status.code(), Some(0));
    let tried = apply(&home, &[]).await;
    assert!(said(&tried).contains("plugin hello: could not be reloaded\n"), "{}", said(&tried));
    let why = String::from_utf8_lossy(&tried.stderr);
    assert!(why.contains("error[LDR-START-FAILED]: hello:"), "{why}");
    assert_eq!(tried.status.code(), Some(1));

    // Back to what runs: nothing is left to do.
    let at = gateway.log().len();
    edit(&home, "");
    gateway.await_log(at, &[APPLIED]).await;
    assert_eq!(plugins(&gateway).await, before);
    assert_eq!(said(&apply(&home, &[]).await), "Nothing differs from what is in effect.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_changes_nothing_and_is_complained_of_once() {
    let (home, gateway) = greeter().await;
    let before = plugins(&gateway).await;
    let path = file(&home).display().to_string();
    let broken = [
        ("[models]\ndefault = \n", "LDR-CFG-SYNTAX", ":2:"),
        ("[gateway]\nmax_body_bytes = 'many'\n", "LDR-CFG-TYPE", ":2:18"),
        ("[gateway]\nmax_body_byte = 5\n", "LDR-CFG-UNKNOWN-KEY", ":2:1"),
        ("[log]\nfilter = 'loud'\n", "LDR-CFG-LOG-FILTER", ""),
    ];
    let mut at = 0;
    for (text, code, place) in broken {
        // What else it says does not count either.
        let text = format!("{text}{}", greets_with("'servus'"));
        edit(&home, &text);
        let named = if place.is_empty() { String::new() } else { format!("{path}{place}") };
        at = gateway.await_log(at, &["stays as it was", code, &named]).await;
        edit(&home, &text);
        let asked = apply(&home, &[]).await;
        assert_eq!(asked.status.code(), Some(3));
        let why = String::from_utf8_lossy(&asked.stderr);
        assert!(why.contains(code) && why.contains(place), "{why}");
        assert_eq!(greeting(&gateway).await, "hello, you");
        // Who asked in vain does not have it said again. That nothing happens cannot be awaited.
        edit(&home, &text);
        sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(plugins(&gateway).await, before);
    edit(&home, "[models]\ndefault = 'echo/other'\n");
    gateway.await_log(at, &[APPLIED, "models.default"]).await;
    let complaints = gateway.log();
    let complaints: Vec<_> =
        complaints.iter().filter(|line| line.contains("stays as it was")).collect();
    assert_eq!(complaints.len(), broken.len(), "{complaints:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signal_and_the_command_do_what_an_edit_does() {
    let (home, gateway) = greeter().await;
    let mut writer = Writer::begin(&home);
    writer.write(&greets_with("'moin'"));
    gateway.process.signal("HUP");
    let at = gateway.await_log(0, &[APPLIED, "plugins.entries.hello"]).await;
    assert_eq!(greeting(&gateway).await, "moin, you");

    let more = format!(
        "[gateway]\nlisten = '127.0.0.1:9'\n[log]\nformat = 'json'\n{}",
        greets_with("'ahoj'")
    );
    writer.write(&more);
    let dry = apply(&home, &["--dry-run"]).await;
    assert_eq!(greeting(&gateway).await, "moin, you");
    let expected = "plugin hello: to be reloaded\nsetting plugins.entries.hello.config.greeting\n\
                    after a restart: log.format\nNothing was done: this is what would be.\n";
    assert_eq!(said(&dry), expected);
    let done = apply(&home, &[]).await;
    // What the flag `--listen` says is not the file's to change.
    let expected = "plugin hello: reloaded\nsetting plugins.entries.hello.config.greeting\n\
                    after a restart: log.format\n";
    assert_eq!(said(&done), expected);
    assert_eq!(greeting(&gateway).await, "ahoj, you");
    gateway.await_log(at, &["LDR-CFG-RESTART", "log.format"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_filter_counts_at_once_for_the_host_and_for_plugins() {
    let (home, gateway) = greeter().await;
    let at = gateway.await_log(0, &["ready to greet"]).await;
    edit(&home, "[log]\nfilter = 'info,plugin=warn'\n");
    let at = gateway.await_log(at, &[APPLIED, "log.filter"]).await;
    let quiet = format!("[log]\nfilter = 'info,plugin=warn'\n{}", greets_with("'servus'"));
    edit(&home, &quiet);
    let at = gateway.await_log(at, &[APPLIED]).await;
    let loud = format!("[log]\nfilter = 'info'\n{}", greets_with("'moin'"));
    edit(&home, &loud);
    gateway.await_log(at, &[APPLIED]).await;
    let log = gateway.log();
    let greetings: Vec<_> = log.iter().filter(|line| line.contains("ready to greet")).collect();
    assert_eq!(greetings.len(), 2, "{greetings:#?}");
    assert!(greetings[1].contains("moin"), "{greetings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_with_other_options_does_what_differs() {
    let home = Home::new();
    for plugin in ["echo", "hello"] {
        home.add(plugin);
    }
    let options = home.options();
    let engine = Engine::new(options.clone()).expect("an engine");
    expect_no_error(&engine.load_all().await);
    let generation = |id: &str| engine.snapshot().plugin(id).expect("found").generation;
    let actions = async |options: &Options, affected: &[&str]| {
        let affected: BTreeSet<String> = affected.iter().map(|id| (*id).to_owned()).collect();
        let compared = engine.compare(options.clone(), &affected).await.expect("compared");
        let applied = engine.apply(options.clone(), affected).await.expect("applied");
        let names = |changes: Vec<Change>| {
            changes.into_iter().map(|one| (one.plugin, one.action)).collect::<Vec<_>>()
        };
        let (compared, applied) = (names(compared), names(applied));
        // Denials are found when they are looked for.
        assert!(applied.starts_with(&compared), "{compared:?} {applied:?}");
        applied
    };
    let hello = |action| vec![("hello".to_owned(), action)];
    let first = (generation("echo"), generation("hello"));
    assert_eq!(actions(&options, &[]).await, []);

    // None may be called at all, and then again.
    let mut none = options.clone();
    let calls = CallPolicy { max_concurrent: 0, ..CallPolicy::default() };
    let settings = PluginOptions { calls, ..PluginOptions::default() };
    none.plugins.insert("hello".into(), settings);
    assert_eq!(actions(&none, &[]).await, hello(Action::Adjust));
    let busy = get(&engine, "hello", "/hello").await.expect_err("refused");
    assert_eq!(busy.code, "LDR-CALL-BUSY");
    assert_eq!(actions(&options, &[]).await, hello(Action::Adjust));
    get(&engine, "hello", "/hello").await.expect("an answer");
    assert_eq!((generation("echo"), generation("hello")), first);

    // Whoever wants to be reloaded for another reason is.
    assert_eq!(actions(&options, &["hello"]).await, hello(Action::Reload));
    assert!(generation("hello") > first.1);

    // Where the state is kept and what is looked for where is not for a process that runs to change.
    let mut elsewhere = options.clone();
    (elsewhere.state_dir, elsewhere.roots) = ("/nowhere".into(), Vec::new());
    assert_eq!(actions(&elsewhere, &[]).await, []);

    let mut without = options.clone();
    without.enablement.deny.insert("hello".into());
    assert_eq!(actions(&without, &[]).await, hello(Action::Unload));
    assert_eq!(engine.snapshot().plugin("hello").expect("found").status, Status::Disabled);
    assert_eq!(actions(&options, &[]).await, hello(Action::Load));

    let digest = engine.snapshot().plugin("hello").expect("found").digest.clone();
    let mut denied = options.clone();
    let digest = digest.expect("of its library").parse().expect("a digest");
    denied.trust.denied.insert(digest, "a test".into());
    assert_eq!(actions(&denied, &[]).await, hello(Action::Deny));
    assert_eq!(engine.snapshot().plugin("hello").expect("found").status, Status::Failed);
    assert_eq!(generation("echo"), first.0);
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
}

/// Somebody says something to a bot, and is answered.
async fn is_answered_by(nick: &str, server: &IrcServer) {
    server.talk(&["--wait-for", nick, "--say", &format!("{nick}: hello"), "--expect", "1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_account_whose_settings_differ_reconnects() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    for plugin in ["echo", "irc"] {
        home.add(plugin);
    }
    let server = IrcServer::start(&home).await;
    let account = |name: &str, nick: &str| server.account(name, nick, 0.0);
    // Who came to the server and who left it, of our bots.
    let visits = || {
        let log = server.log();
        let lines = log.lines().filter(|line| line.contains("User \"") && !line.contains("person"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let two = account("one", "alpha") + &account("two", "beta");
    let gateway = Gateway::start(&home, &two).await;
    let connected = |name: &str| format!("account=\"{name}\" state=\"connected\"");
    for name in ["one", "two"] {
        gateway.await_log(0, &[&connected(name)]).await;
    }
    let before = visits();
    assert_eq!(before.len(), 2, "{before:#?}");

    let renamed = account("one", "gamma") + &account("two", "beta");
    let from = gateway.log().len();
    edit(&home, &renamed);
    gateway.await_log(from, &[APPLIED, "channels.irc.accounts.one.nick", "accounts=1"]).await;
    gateway.await_log(from, &[&connected("one")]).await;
    is_answered_by("gamma", &server).await;
    is_answered_by("beta", &server).await;
    let after = visits();
    let more = &after[before.len()..];
    assert!(more.iter().all(|line| line.contains("alpha") || line.contains("gamma")), "{more:#?}");
    let came = more.iter().filter(|line| line.contains("\" registered ("));
    assert_eq!(came.count(), 1, "{more:#?}");

    // What is nobody's affair, and another model for an account, which is the gateway's.
    let from = gateway.log().len();
    let model = "[models]\ndefault = \"echo/other\"\n[gateway]\nmax_body_bytes = 5000\n";
    edit(&home, &format!("{model}{renamed}model = \"echo/echo\"\n"));
    gateway.await_log(from, &[APPLIED, "models.default", "accounts=0"]).await;
    for nick in ["gamma", "beta"] {
        is_answered_by(nick, &server).await;
    }
    assert_eq!(visits(), after, "nobody reconnects");

    // One goes, another comes.
    let from = gateway.log().len();
    let other = account("two", "beta") + &account("three", "delta");
    edit(&home, &other);
    gateway.await_log(from, &[APPLIED, "accounts=2"]).await;
    gateway.await_log(from, &[&connected("three")]).await;
    is_answered_by("delta", &server).await;
    let more = visits().split_off(after.len());
    assert!(more.iter().all(|line| line.contains("gamma") || line.contains("delta")), "{more:#?}");
    let status = gateway.get("/admin/status").await.expect("an answer");
    assert!(!status.contains("\"account\":\"one\""), "{status}");
}

//! Libraries that do damage while they are opened: a trial in another process finds out, the bytes go
//! into quarantine, and the gateway serves all the while.

use integration_tests::{
    Home, build, defects, expect_no_error, expect_unloaded, gateway::Gateway, get, mapped_images,
};
use loader_core::{
    Engine, Options, Status,
    diagnostic::Diagnostic,
    digest::Digest,
    probe::Probe,
    staging::Store,
    trust::{Phase, QuarantineRecord, Records},
    vetting::{Policy, vet_fresh},
};
use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

fn options(home: &Home) -> Options {
    let mut options = home.options();
    options.probe = Some(home.probe());
    options
}

fn digest(home: &Home) -> Digest {
    let library = home.plugins().join("bad-constructor/libbad_constructor.so");
    Digest::of(&fs::read(library).expect("a library"))
}

fn record(home: &Home) -> Option<QuarantineRecord> {
    Records::of(&home.state()).quarantine(digest(home))
}

/// A home whose one plugin has this defect.
fn home_with(defect: &str) -> Home {
    let home = Home::new();
    defects::add(&home, defect);
    home
}

/// Loads the plugin in a new engine, as after a start of the program, and returns what there is to
/// say.
async fn load(home: &Home, options: Options) -> (Engine, Vec<Diagnostic>) {
    let engine = Engine::new(options).expect("an engine");
    let findings = engine.load(&home.candidate("bad-constructor")).await;
    (engine, findings)
}

async fn refusal(home: &Home) -> Diagnostic {
    let (engine, findings) = load(home, options(home)).await;
    let [finding] = &findings[..] else { panic!("one diagnostic: {findings:#?}") };
    assert!(finding.is_error());
    assert_eq!(finding.plugin.as_deref(), Some("bad-constructor"));
    assert_eq!(engine.snapshot().plugin("bad-constructor").expect("known").status, Status::Failed);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new(), "it was never opened here");
    finding.clone()
}

/// Processes that were started with something of this folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().expect("UTF-8");
    let commands = fs::read_dir("/proc").expect("Linux").filter_map(|entry| {
        let command = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&command).replace('\0', " "))
    });
    commands.filter(|command| command.contains(folder)).collect()
}

/// The library crashes in its trial, is in quarantine, and is not tried again by the next start.
async fn crashes(defect: &str, fault: &str, phase: Phase) {
    let home = home_with(defect);
    let finding = refusal(&home).await;
    assert_eq!(finding.code, "LDR-PROBE-CRASHED", "{finding}");
    assert!(finding.message.contains(fault), "{finding}");
    let record = record(&home).expect("it is in quarantine");
    assert_eq!((record.phase, record.retry_at), (phase, None), "{record:?}");
    assert!(record.fault.contains(fault), "{record:?}");

    let began = Instant::now();
    let finding = refusal(&home).await;
    assert_eq!(finding.code, "LDR-VET-QUARANTINED", "{finding}");
    assert!(finding.message.contains(fault), "{finding}");
    let clear = format!("loader plugins quarantine clear {}", digest(&home));
    assert!(finding.hint.as_deref().is_some_and(|hint| hint.contains(&clear)), "{finding:?}");
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(processes_of(&home.state()), Vec::<String>::new());
}

/// The library does not come to an end, and is let go of at the deadline.
async fn hangs(defect: &str) {
    let home = home_with(defect);
    let began = Instant::now();
    let finding = refusal(&home).await;
    let took = began.elapsed();
    assert_eq!(finding.code, "LDR-PROBE-HUNG", "{finding}");
    assert!((Duration::from_secs(2)..Duration::from_secs(5)).contains(&took), "{took:?}");
    let first = record(&home).expect("it is in quarantine");
    assert_eq!((first.timeouts, first.phase), (1, Phase::Opening), "{first:?}");
    assert_eq!(first.retry_at, Some(first.since + 60), "{first:?}");
    assert_eq!(refusal(&home).await.code, "LDR-VET-QUARANTINED");
    assert_eq!(processes_of(&home.state()), Vec::<String>::new());
}

/// The library opens in its trial, whatever it does besides.
async fn passes(defect: &str) {
    let home = home_with(defect);
    let (engine, findings) = load(&home, options(&home)).await;
    expect_no_error(&findings);
    assert_eq!(get(&engine, "bad-constructor", "/").await.expect("an answer"), "it opened");
    let probed = Records::of(&home.state()).probed(digest(&home)).expect("it is known");
    assert_eq!(probed.host_build, "loader-test");
    assert_eq!(processes_of(&home.state()), Vec::<String>::new());
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_faults() {
    crashes("segfault", "was killed by signal 11 (SIGSEGV)", Phase::Opening).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_aborts() {
    crashes("abort", "was killed by signal 6 (SIGABRT)", Phase::Opening).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_ends_the_process_with_success() {
    crashes("exit", "ended the process with status 0", Phase::Opening).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_forks_and_ends_the_parent() {
    crashes("fork", "ended the process with status 0", Phase::Opening).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_closes_every_descriptor() {
    crashes("close", "closed descriptors that were not its own", Phase::Opening).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_changes_the_working_directory() {
    crashes("wander", "changed the working directory", Phase::Opened).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_takes_all_memory() {
    crashes("memory", "was killed by signal 6 (SIGABRT)", Phase::Opening).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_never_returns() {
    hangs("loop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_waits_for_itself() {
    hangs("deadlock").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_stops_the_process() {
    hangs("stop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_writes_without_end() {
    hangs("drown").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constructor_that_is_harmless() {
    passes("harmless").await;
}

/// Tries the library and goes no further.
fn only_try(home: &Home) -> Result<(), Diagnostic> {
    let policy = Policy::new(Vec::<String>::new());
    let fresh = vet_fresh(&home.candidate("bad-constructor"), &policy).expect("its file is sound");
    let staged = Store::open(&home.state()).expect("a store").stage(&fresh, 1).expect("a copy");
    home.probe().examine(staged, &Records::of(&home.state())).map(drop)
}

#[test]
fn a_constructor_that_writes_more_than_a_pipe_holds() {
    only_try(&home_with("flood")).expect("it opens");
}

#[test]
fn a_process_that_a_constructor_leaves_behind_is_killed() {
    let home = home_with("orphan");
    only_try(&home).expect("it opens");
    assert_eq!(processes_of(&home.state()), Vec::<String>::new());
}

#[test]
fn what_a_constructor_wrote_is_quoted_as_data() {
    let finding = only_try(&home_with("segfault")).expect_err("it crashes");
    assert!(finding.message.contains("\"about to\\u{1b}[31m fault\""), "{finding}");
    assert!(!finding.message.contains(char::is_control), "{finding:?}");
}

#[test]
fn a_trial_that_is_ended_from_outside_says_nothing_about_the_library() {
    let home = home_with("kill");
    assert_eq!(only_try(&home).expect_err("it cannot be opened").code, "LDR-PROBE-FAILED");
    assert_eq!(record(&home), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_program_nothing_is_opened_and_nothing_is_in_quarantine() {
    for program in ["/nonexistent", "/bin/false"] {
        let home = home_with("harmless");
        let mut options = options(&home);
        options.probe = Some(Probe { program: program.into(), ..home.probe() });
        let (engine, findings) = load(&home, options).await;
        assert_eq!(findings[0].code, "LDR-PROBE-FAILED", "{findings:?}");
        assert_eq!(
            engine.snapshot().plugin("bad-constructor").expect("known").status,
            Status::Failed
        );
        assert_eq!(record(&home), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opened_once_is_not_tried_again_by_the_same_build_of_the_host() {
    let home = home_with("harmless");
    let options = options(&home);
    let (engine, findings) = load(&home, options.clone()).await;
    expect_no_error(&findings);
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);

    // From here on a trial would fail.
    let no_trial = Probe { program: "/bin/false".into(), ..home.probe() };
    let same = Options { probe: Some(no_trial.clone()), ..options.clone() };
    let (engine, findings) = load(&home, same).await;
    expect_no_error(&findings);
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);

    let probe = Probe { host_build: "another".into(), ..no_trial };
    let (_, findings) = load(&home, Options { probe: Some(probe), ..options }).await;
    assert_eq!(findings[0].code, "LDR-PROBE-FAILED", "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_are_tried_again() {
    let home = home_with("segfault");
    assert_eq!(refusal(&home).await.code, "LDR-PROBE-CRASHED");
    assert_eq!(refusal(&home).await.code, "LDR-VET-QUARANTINED");
    defects::add(&home, "abort");
    assert_eq!(refusal(&home).await.code, "LDR-PROBE-CRASHED");
    defects::add(&home, "harmless");
    let (engine, findings) = load(&home, options(&home)).await;
    expect_no_error(&findings);
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_takes_too_long_is_tried_three_times_with_ever_longer_pauses() {
    let home = home_with("deadlock");
    let records = Records::of(&home.state());
    for (timeouts, pause) in [(1, Some(60)), (2, Some(300)), (3, None)] {
        assert_eq!(refusal(&home).await.code, "LDR-PROBE-HUNG");
        let record = record(&home).expect("it is in quarantine");
        let found = record.retry_at.map(|moment| moment - record.since);
        assert_eq!((record.timeouts, found), (timeouts, pause));
        assert_eq!(refusal(&home).await.code, "LDR-VET-QUARANTINED");
        if record.retry_at.is_some() {
            // As if the pause were over.
            let over = QuarantineRecord { retry_at: Some(record.since), ..record };
            records.isolate(digest(&home), &over).expect("written");
        }
    }
}

/// Five libraries do their damage at once while a sixth plugin is called in a loop.
#[tokio::test(flavor = "multi_thread")]
async fn others_are_served_while_libraries_crash_and_hang() {
    let home = Home::new();
    home.add("hello");
    let engine = Engine::new(options(&home)).expect("an engine");
    expect_no_error(&engine.load(&home.candidate("hello")).await);
    let (calls, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let caller = tokio::spawn({
        let (engine, calls, stop) = (engine.clone(), calls.clone(), stop.clone());
        async move {
            while !stop.load(Ordering::Relaxed) {
                let answer = get(&engine, "hello", "/you").await.expect("others answer");
                assert_eq!(answer, "hello, you\n");
                calls.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let homes = ["segfault", "abort", "exit", "loop", "deadlock"].map(home_with);
    let records = Records::of(&home.state());
    let began = Instant::now();
    let loads = homes.iter().map(|home| async {
        let findings = engine.load(&home.candidate("bad-constructor")).await;
        assert!(findings[0].code.starts_with("LDR-PROBE-"), "{findings:?}");
        records.quarantine(digest(home))
    });
    let isolated = futures_util::future::join_all(loads).await;
    let took = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    caller.await.expect("no call failed");
    assert!(isolated.iter().all(Option::is_some), "{isolated:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(calls.load(Ordering::Relaxed) > 1000, "{calls:?}");
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
}

/// The product with this home's folders, run to its end: its JSON answer.
fn command(home: &Home, arguments: &[&str]) -> serde_json::Value {
    let mut command = Command::new(build::loader());
    command.env_clear().arg("--state-dir").arg(home.state());
    command.arg("--plugins-dir").arg(home.plugins()).args(arguments).arg("--json");
    let output = command.output().expect("the product");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The product starts, serves the others, remembers over a restart, and forgets when it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_serves_without_a_plugin_that_crashes_and_does_not_try_it_again() {
    let home = home_with("segfault");
    home.add("hello");
    let start = async |code| {
        let mut gateway = Gateway::start(&home, "").await;
        gateway.await_log(0, &["bad-constructor", code]).await;
        gateway.await_log(0, &["plugin loaded", "hello"]).await;
        gateway.process.signal("TERM");
        assert_eq!(gateway.ended().await, Some(0), "{:?}", gateway.log());
    };
    start("LDR-PROBE-CRASHED").await;
    start("LDR-VET-QUARANTINED").await;

    let list = command(&home, &["plugins", "list"]);
    let status = |plugin: usize| list["data"]["plugins"][plugin]["status"].clone();
    assert_eq!((status(0), status(1)), ("quarantined".into(), "ok".into()), "{list:#}");
    let tried = command(&home, &["plugins", "inspect", "hello"]);
    assert!(tried["data"]["library"]["probed"]["since"].is_u64(), "{tried:#}");
    let quarantined = command(&home, &["plugins", "quarantine", "list"]);
    let [record] = &quarantined["data"]["quarantined"].as_array().expect("a list")[..] else {
        panic!("one library: {quarantined:#}");
    };
    assert_eq!(record["digest"], digest(&home).to_string());
    assert_eq!((&record["signal"], &record["phase"]), (&11.into(), &"opening".into()));

    let cleared = command(&home, &["plugins", "quarantine", "clear", "bad-constructor"]);
    assert_eq!(cleared["data"]["released"][0]["plugin"], "bad-constructor", "{cleared:#}");
    let unknown = command(&home, &["plugins", "quarantine", "clear", "bad-constructor"]);
    assert_eq!(unknown["error"]["code"], "LDR-QUARANTINE-UNKNOWN", "{unknown:#}");
    start("LDR-PROBE-CRASHED").await;
}

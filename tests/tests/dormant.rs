//! Plugins that are not opened before somebody calls them: once, for everybody who calls meanwhile.

use futures_util::future::join_all;
use integration_tests::{
    Home, build, expect_no_error, expect_unloaded, get, get_within, mapped_images,
};
use loader_core::{
    Action, Activation, CallOptions, Engine, Options, Status, Target, Wanted,
    message::{Failure, Metadata, Reply},
    reload::{Cause, Verdict},
};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// Lays out a build of `tide` by this name.
fn place_tide(home: &Home, name: &str) {
    let folder = home.add("tide");
    replace(&folder.join("libtide.so"), &build::named("tide", name));
}

fn replace(file: &Path, bytes: &[u8]) {
    let new = file.with_extension("new");
    fs::write(&new, bytes).expect("written");
    fs::rename(new, file).expect("renamed");
}

/// Lets the manifest in a folder say something more, or something else.
fn edit_manifest(folder: &Path, edit: impl FnOnce(String) -> String) {
    let path = folder.join("plugin.toml");
    let text = fs::read_to_string(&path).expect("a manifest");
    replace(&path, edit(text).as_bytes());
}

/// Options by which everything is dormant, and how often something is about to be started.
fn on_demand(home: &Home) -> (Options, Arc<AtomicUsize>) {
    let starts = Arc::new(AtomicUsize::new(0));
    let counter = starts.clone();
    let mut options = home.options();
    options.activation = Activation::OnDemand;
    options.start_timeout = Duration::from_secs(25);
    options.before_start = Some(Arc::new(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    (options, starts)
}

async fn engine_of(options: Options) -> Engine {
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load_all().await);
    engine
}

fn status(engine: &Engine, id: &str) -> Option<Status> {
    engine.snapshot().plugin(id).map(|record| record.status)
}

fn is_offered(engine: &Engine, id: &str) -> bool {
    engine.snapshot().capability("http-route/1", id).is_some()
}

fn route(engine: &Engine, id: &str) -> Target {
    engine.target("http-route/1", Some(id), "handle").expect("it is offered")
}

async fn ask(target: &Target) -> Result<Reply, Failure> {
    let metadata = Metadata::new().with(":method", "GET").with(":path", "/");
    target.call(CallOptions::by("gateway").within(PATIENCE), metadata, Vec::new()).await
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

#[tokio::test(flavor = "multi_thread")]
async fn many_first_calls_open_a_plugin_once_and_are_all_answered_by_it() {
    let home = Home::new();
    place_tide(&home, "one");
    let (options, starts) = on_demand(&home);
    let engine = engine_of(options).await;
    let record = engine.snapshot().plugin("tide").expect("known").clone();
    assert_eq!((record.status, record.generation), (Status::Dormant, None));
    assert_eq!(record.provides, ["http-route/1:tide", "text-inference/1:tide"]);
    assert_eq!(record.registered, None);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
    let calls = (0..32).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move { get(&engine, "tide", "/life").await })
    });
    let lives = join_all(calls).await.into_iter();
    let lives: BTreeSet<_> = lives.map(|life| life.expect("no panic").expect("a life")).collect();
    assert_eq!(lives.len(), 1, "{lives:?}");
    assert_eq!((starts.load(Ordering::Relaxed), mapped_images(&home.state()).len()), (1, 1));
    let record = engine.snapshot().plugin("tide").expect("known").clone();
    assert_eq!((record.status, record.generation), (Status::Served, Some(1)));
    assert_eq!(record.registered.as_ref(), Some(&record.provides));
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_and_another_plugins_call_open_it_too() {
    let home = Home::new();
    home.add("courier");
    place_tide(&home, "one");
    let engine = engine_of(on_demand(&home).0).await;
    // The plugin opens a stream to its own kind, through the host.
    let target = engine.target("courier/1", None, "relay").expect("it is offered");
    let options = CallOptions::by("gateway").within(PATIENCE);
    let stream = target.open(options, Metadata::new(), b"head".to_vec()).await.expect("a stream");
    assert_eq!(stream.head.body, b"head");
    drop(stream);
    assert_eq!(status(&engine, "courier"), Some(Status::Served));
    let target = engine.target("text-inference/1", Some("tide"), "models").expect("it is offered");
    target.call(CallOptions::by("gateway"), Metadata::new(), Vec::new()).await.expect("models");
    assert_eq!(status(&engine, "tide"), Some(Status::Served));
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_calls_is_never_opened() {
    let home = Home::new();
    home.add("hello");
    place_tide(&home, "one");
    let (options, starts) = on_demand(&home);
    let engine = engine_of(options).await;
    assert!(get(&engine, "hello", "/ada").await.expect("an answer").contains("ada"));
    expect_no_error(&engine.load_all().await);
    assert_eq!(status(&engine, "tide"), Some(Status::Dormant));
    assert_eq!((starts.load(Ordering::Relaxed), mapped_images(&home.state()).len()), (1, 1));
    let target = route(&engine, "tide");
    let outcomes = engine.stop(Duration::from_secs(5)).await;
    assert_eq!(outcomes.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["hello"]);
    // The end opens nothing, and neither does a call after it.
    assert_eq!(
        (status(&engine, "tide"), is_offered(&engine, "tide")),
        (Some(Status::Stopped), false)
    );
    assert_eq!(ask(&target).await.expect_err("it is over").code, "LDR-CALL-NOT-SERVED");
    assert_eq!((starts.load(Ordering::Relaxed), mapped_images(&home.state()).len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_fails_is_told_to_all_who_wait_and_not_tried_again() {
    let home = Home::new();
    place_tide(&home, "start-error");
    let (options, starts) = on_demand(&home);
    let engine = engine_of(options).await;
    let target = route(&engine, "tide");
    let failures = join_all((0..16).map(|_| ask(&target))).await;
    for failure in failures {
        let failure = failure.expect_err("it does not start");
        assert_eq!(failure.code, "LDR-START-FAILED");
        assert!(failure.message.contains("this build does not start"), "{failure}");
    }
    let record = engine.snapshot().plugin("tide").expect("known").clone();
    assert_eq!((record.status, record.diagnostics[0].code), (Status::Failed, "LDR-START-FAILED"));
    assert_eq!(get(&engine, "tide", "/").await.expect_err("gone").code, "LDR-CALL-NO-CAPABILITY");
    assert_eq!(ask(&target).await.expect_err("still").code, "LDR-START-FAILED");
    assert_eq!(engine.wake("tide").await[0].code, "LDR-START-FAILED");
    assert_eq!(starts.load(Ordering::Relaxed), 1);
    engine.stop(Duration::from_secs(5)).await;
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_the_gate_refuses_says_so_to_its_first_caller() {
    let home = Home::new();
    place_tide(&home, "one");
    fs::write(home.plugins().join("tide/libtide.so"), "no library").expect("written");
    let engine = engine_of(on_demand(&home).0).await;
    let failure = get(&engine, "tide", "/").await.expect_err("it is unfit");
    let record = engine.snapshot().plugin("tide").expect("known").clone();
    let finding = &record.diagnostics[0];
    assert_eq!((record.status, finding.code), (Status::Failed, failure.code.as_str()));
    assert_eq!((&finding.message, finding.hint.as_ref()), (&failure.message, Some(&failure.hint)));
    engine.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_wait_no_longer_than_their_deadlines_and_the_end_waits_for_no_opening() {
    let home = Home::new();
    place_tide(&home, "never-starts");
    let (options, starts) = on_demand(&home);
    let engine = engine_of(options).await;
    for _ in 0..2 {
        let call = get_within(&engine, "tide", "/", Duration::from_millis(100));
        assert_eq!(call.await.expect_err("it does not start").code, "LDR-CALL-DEADLINE");
    }
    until_started(&starts).await;
    let began = Instant::now();
    engine.stop(Duration::from_millis(100)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(starts.load(Ordering::Relaxed), 1);
}

async fn until_started(starts: &AtomicUsize) {
    let wait = async {
        while starts.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it is started");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_manifest_says_activates_it_is_opened_only_where_that_is_wanted() {
    let home = Home::new();
    home.add("hello");
    place_tide(&home, "one");
    let declare = |text: String| format!("{text}\n[activation]\nproviders = [\"tide\"]\n");
    edit_manifest(&home.plugins().join("tide"), declare);
    for (providers, expected) in [(vec![], Status::Dormant), (vec!["tide"], Status::Served)] {
        let mut options = home.options();
        let providers = providers.into_iter().map(str::to_owned).collect();
        options.activation = Activation::AsDeclared(Wanted { providers, ..Wanted::default() });
        let engine = engine_of(options).await;
        assert_eq!(status(&engine, "hello"), Some(Status::Served));
        assert_eq!(status(&engine, "tide"), Some(expected));
        assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "one");
        expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_may_wake_it_by_its_id() {
    let home = Home::new();
    place_tide(&home, "one");
    let (options, starts) = on_demand(&home);
    let engine = engine_of(options).await;
    let (one, two) = tokio::join!(engine.wake("tide"), engine.wake("tide"));
    expect_no_error(&[one, two].concat());
    assert_eq!(
        (status(&engine, "tide"), starts.load(Ordering::Relaxed)),
        (Some(Status::Served), 1)
    );
    assert_eq!(engine.wake("nobody").await[0].code, "LDR-START-UNKNOWN");
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_of_what_is_not_open_reads_its_manifest_again() {
    let home = Home::new();
    place_tide(&home, "one");
    let (options, starts) = on_demand(&home);
    let engine = engine_of(options).await;
    let target = route(&engine, "tide");
    place_tide(&home, "two");
    let provide = |text: String| {
        text.replace("Says which", "Tells which")
            .replace("= [\"tide\"]", "= [{ id = \"tide\", aliases = [\"ebb\"] }]")
    };
    edit_manifest(&home.plugins().join("tide"), provide);
    let reload = |cause| {
        let number = engine.reload("tide", cause).expect("it is dormant");
        let engine = engine.clone();
        async move { engine.reloads().over(number).await.expect("remembered") }
    };
    let done = reload(Cause::Requested).await;
    assert_eq!((done.verdict, done.from, done.to), (Some(Verdict::Unchanged), None, None));
    let record = engine.snapshot().plugin("tide").expect("known").clone();
    assert_eq!(record.status, Status::Dormant);
    assert!(record.description.starts_with("Tells which"), "{}", record.description);
    assert_eq!(starts.load(Ordering::Relaxed), 0);
    // Who looked it up before reaches it all the same, and so does its alias.
    assert_eq!(ask(&target).await.expect("an answer").body, b"two");
    assert_eq!(get(&engine, "ebb", "/").await.expect("an answer"), "two");
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_of_what_is_not_open_stops_it_when_its_files_are_gone() {
    let home = Home::new();
    place_tide(&home, "one");
    let engine = engine_of(on_demand(&home).0).await;
    fs::remove_dir_all(home.plugins().join("tide")).expect("removed");
    let number = engine.reload("tide", Cause::Requested).expect("it is dormant");
    let done = engine.reloads().over(number).await.expect("remembered");
    assert_eq!((done.verdict, done.findings[0].code), (Some(Verdict::Refused), "LDR-RELOAD-GONE"));
    assert_eq!(
        (status(&engine, "tide"), is_offered(&engine, "tide")),
        (Some(Status::Stopped), false)
    );
    engine.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_options_let_it_lie_open_it_or_take_it_away() {
    let home = Home::new();
    place_tide(&home, "one");
    let (options, starts) = on_demand(&home);
    let engine = engine_of(options.clone()).await;
    let apply = |options: Options| {
        let engine = engine.clone();
        async move {
            let changes = engine.apply(options, BTreeSet::new()).await.expect("applied");
            changes.iter().map(|change| change.action).collect::<Vec<_>>()
        }
    };
    assert_eq!(apply(options.clone()).await, []);
    let before = route(&engine, "tide");

    let mut off = options.clone();
    off.enablement.deny.insert("tide".into());
    assert_eq!(apply(off).await, [Action::Unload]);
    assert_eq!(
        (status(&engine, "tide"), is_offered(&engine, "tide")),
        (Some(Status::Disabled), false)
    );
    assert_eq!(ask(&before).await.expect_err("it is off").code, "LDR-CALL-NOT-SERVED");

    assert_eq!(apply(options.clone()).await, [Action::Load]);
    assert_eq!(
        (status(&engine, "tide"), is_offered(&engine, "tide")),
        (Some(Status::Dormant), true)
    );
    let mut fewer = options.clone();
    fewer.plugins.entry("tide".into()).or_default().calls.max_concurrent = 0;
    assert_eq!(apply(fewer).await, [Action::Adjust]);
    let target = route(&engine, "tide");
    assert_eq!(ask(&target).await.expect_err("none may call").code, "LDR-CALL-BUSY");
    assert_eq!(starts.load(Ordering::Relaxed), 0);

    let everything = Options { activation: Activation::Everything, ..options.clone() };
    assert_eq!(apply(everything).await, [Action::Load]);
    assert_eq!(
        (status(&engine, "tide"), starts.load(Ordering::Relaxed)),
        (Some(Status::Served), 1)
    );
    assert_eq!(ask(&target).await.expect("an answer").body, b"one");
    // What is open stays so.
    assert_eq!(apply(options).await, []);
    assert_eq!(status(&engine, "tide"), Some(Status::Served));
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_unloaded_is_not_opened_any_more() {
    let home = Home::new();
    place_tide(&home, "one");
    let (options, starts) = on_demand(&home);
    let engine = engine_of(options).await;
    let target = route(&engine, "tide");
    assert_eq!(engine.unload("tide", Duration::ZERO).await, None, "there is nothing to retire");
    assert_eq!(
        (status(&engine, "tide"), is_offered(&engine, "tide")),
        (Some(Status::Stopped), false)
    );
    assert_eq!(ask(&target).await.expect_err("it was stopped").code, "LDR-CALL-NOT-SERVED");
    assert_eq!(starts.load(Ordering::Relaxed), 0);
    engine.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_go_or_come_are_noticed_without_opening_any() {
    let home = Home::new();
    place_tide(&home, "one");
    let (options, starts) = on_demand(&home);
    let engine = engine_of(options).await;
    let following = engine.clone();
    let followed = tokio::task::spawn_blocking(move || following.follow()).await;
    followed.expect("no panic").expect("the files are watched");
    let tide = home.plugins().join("tide");
    edit_manifest(&tide, |text| text.replace("Says which", "Tells which"));
    let tells = || {
        let snapshot = engine.snapshot();
        snapshot.plugin("tide").is_some_and(|record| record.description.starts_with("Tells"))
    };
    until(&engine, "another manifest", tells).await;

    let away = home.state().join("away");
    fs::rename(&tide, &away).expect("moved");
    until(&engine, "no manifest", || status(&engine, "tide") == Some(Status::Stopped)).await;
    assert!(!is_offered(&engine, "tide"));
    fs::rename(&away, &tide).expect("moved back");
    until(&engine, "a manifest again", || status(&engine, "tide") == Some(Status::Dormant)).await;
    assert_eq!(starts.load(Ordering::Relaxed), 0);
    assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "one");
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

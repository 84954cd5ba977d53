//! Reloads: the new code answers, nothing is lost, and what goes wrong leaves or brings back the old.

use integration_tests::{Home, build, expect_no_error, expect_unloaded, get, mapped_images};
use loader_core::{
    CallOptions, Engine, Options, ReloadRequest,
    message::{Failure, Metadata},
    reload::{Cause, Reload, Verdict},
};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

/// Puts a build of `tide` in place, as a linker does: beside it, then renamed over it.
fn place_tide(home: &Home, name: &str) {
    put(home, "tide", &build::named("tide", name));
}

fn put(home: &Home, id: &str, library: &[u8]) {
    let folder = home.plugins().join(id);
    let file = folder.join(library_file(&folder));
    let fresh = file.with_extension("so.new");
    fs::write(&fresh, library).expect("written");
    fs::rename(&fresh, &file).expect("renamed");
}

fn library_file(folder: &Path) -> String {
    let manifest = fs::read_to_string(folder.join("plugin.toml")).expect("a manifest");
    let line = manifest.lines().find_map(|line| line.strip_prefix("path = ")).expect("a path");
    line.trim_matches('"').to_owned()
}

fn options(home: &Home) -> Options {
    let mut options = home.options();
    options.start_timeout = Duration::from_secs(5);
    options.reload.canary.window = Duration::from_secs(30);
    options
}

async fn engine(options: Options) -> Engine {
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load_all().await);
    engine
}

fn without_window(cause: Cause) -> ReloadRequest {
    ReloadRequest { window: Some(Duration::ZERO), ..cause.into() }
}

/// Reloads, and waits until nothing is left to do.
async fn reload(engine: &Engine, id: &str, request: impl Into<ReloadRequest>) -> Reload {
    let number = engine.reload(id, request).expect("it is served");
    engine.reloads().over(number).await.expect("it is remembered")
}

fn codes(reload: &Reload) -> Vec<&'static str> {
    let errors = reload.findings.iter().filter(|finding| finding.is_error());
    errors.map(|finding| finding.code).collect()
}

fn steps(reload: &Reload) -> Vec<&'static str> {
    reload.steps.iter().map(|step| step.name).collect()
}

async fn tide_at(name: &str) -> (Home, Engine) {
    tide_with(name, |_| ()).await
}

async fn tide_with(name: &str, adjust: impl FnOnce(&mut Options)) -> (Home, Engine) {
    let home = Home::new();
    home.add("tide");
    place_tide(&home, name);
    let mut options = options(&home);
    adjust(&mut options);
    let engine = engine(options).await;
    (home, engine)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_code_answers_and_the_old_leaves() {
    let (home, engine) = tide_at("one").await;
    assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "one");
    place_tide(&home, "two");
    let reload = reload(&engine, "tide", without_window(Cause::Files)).await;
    assert_eq!(reload.verdict, Some(Verdict::Kept), "{:?}", reload.findings);
    assert_eq!(steps(&reload), ["examine", "start", "check", "publish", "watch", "retire"]);
    assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "two");
    let (from, to) = (reload.from.expect("known"), reload.to.expect("known"));
    assert!(from.generation < to.generation && from.digest != to.digest);
    assert_eq!(mapped_images(&home.state()).len(), 1, "the old image left");
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_not_reloaded_unless_somebody_asks() {
    let (_home, engine) = tide_at("one").await;
    let quiet = reload(&engine, "tide", Cause::Files).await;
    assert_eq!(quiet.verdict, Some(Verdict::Unchanged));
    let asked = reload(&engine, "tide", without_window(Cause::Requested)).await;
    assert_eq!(asked.verdict, Some(Verdict::Kept));
    let refusal = engine.reload("nobody", Cause::Requested).expect_err("unknown");
    assert_eq!(refusal.code, "LDR-RELOAD-UNKNOWN");
}

/// A build that never serves: the old one goes on, and the bytes are not tried again by themselves.
async fn is_refused(name: &str, code: &str) {
    is_refused_by(tide_at("one").await, name, code).await;
}

async fn is_refused_by((home, engine): (Home, Engine), name: &str, code: &str) {
    place_tide(&home, name);
    let refused = reload(&engine, "tide", Cause::Files).await;
    assert_eq!(refused.verdict, Some(Verdict::Refused));
    assert_eq!(codes(&refused), [code], "{:?}", refused.findings);
    assert_eq!(get(&engine, "tide", "/").await.expect("the old answers"), "one");
    let again = reload(&engine, "tide", Cause::Files).await;
    assert_eq!(codes(&again), ["LDR-RELOAD-REMEMBERED"]);
    let asked = reload(&engine, "tide", Cause::Requested).await;
    assert_eq!(codes(&asked), [code], "asked for, it is tried");
    place_tide(&home, "two");
    let good = reload(&engine, "tide", without_window(Cause::Files)).await;
    assert_eq!(good.verdict, Some(Verdict::Kept));
    assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "two");
    assert_eq!(mapped_images(&home.state()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_start_fails_is_refused() {
    is_refused("start-error", "LDR-START-FAILED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_start_panics_is_refused() {
    is_refused("start-panic", "LDR-START-PANIC").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_says_it_is_not_ready_is_refused() {
    is_refused("not-ready", "LDR-RELOAD-UNHEALTHY").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_never_says_whether_it_is_ready_is_refused() {
    let impatient = |options: &mut Options| options.reload.check = Duration::from_secs(1);
    let site = tide_with("one", impatient).await;
    is_refused_by(site, "never-ready", "LDR-RELOAD-UNHEALTHY").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_of_another_interface_is_refused() {
    let (home, engine) = tide_at("one").await;
    put(&home, "tide", &fs::read(build::library("abi-major")).expect("the fixture"));
    let refused = reload(&engine, "tide", Cause::Files).await;
    assert_eq!(refused.verdict, Some(Verdict::Refused));
    assert_eq!(get(&engine, "tide", "/").await.expect("the old answers"), "one");
}

/// One idempotent call after the other until told to stop; how many were answered.
fn caller(
    engine: &Engine,
    stop: &Arc<AtomicBool>,
) -> tokio::task::JoinHandle<Result<u64, Failure>> {
    let (engine, stop) = (engine.clone(), stop.clone());
    tokio::spawn(async move {
        let target = engine.target("http-route/1", Some("tide"), "handle")?;
        let mut answered = 0;
        while !stop.load(SeqCst) {
            let metadata = Metadata::new().with(":method", "GET").with(":path", "/");
            let options = CallOptions::by("test").idempotent(true);
            target.call(options, metadata, Vec::new()).await?;
            answered += 1;
        }
        Ok(answered)
    })
}

async fn goes_back_under_load(name: &str) {
    let (home, engine) = tide_at("one").await;
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8).map(|_| caller(&engine, &stop)).collect();
    place_tide(&home, name);
    let returned = reload(&engine, "tide", Cause::Files).await;
    stop.store(true, SeqCst);
    assert_eq!(returned.verdict, Some(Verdict::Returned), "{returned:?}");
    assert_eq!(codes(&returned), ["LDR-RELOAD-CANARY"]);
    assert!(returned.findings.iter().any(|one| one.message.contains("calls failed")));
    for caller in callers {
        assert!(caller.await.expect("no panic").expect("no call failed") > 0);
    }
    assert_eq!(get(&engine, "tide", "/").await.expect("the old answers"), "one");
    let again = reload(&engine, "tide", Cause::Files).await;
    assert_eq!(codes(&again), ["LDR-RELOAD-REMEMBERED"]);
    assert_eq!(mapped_images(&home.state()).len(), 1);
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_panics_after_it_took_over_goes_back_and_no_call_fails() {
    goes_back_under_load("panics").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_after_it_took_over_goes_back_and_no_call_fails() {
    goes_back_under_load("errors").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_reload_ends_the_watch_over_the_one_before() {
    let (home, engine) = tide_at("one").await;
    place_tide(&home, "two");
    let first = engine.reload("tide", Cause::Files).expect("served");
    engine.reloads().published(first).await.expect("remembered");
    place_tide(&home, "three");
    let second = reload(&engine, "tide", without_window(Cause::Files)).await;
    assert_eq!(second.verdict, Some(Verdict::Kept));
    let first = engine.reloads().over(first).await.expect("remembered");
    assert_eq!(first.verdict, Some(Verdict::Kept));
    assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "three");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_a_stream_under_way_are_finished_by_their_own_generation() {
    let (home, engine) = tide_at("one").await;
    let call = {
        let engine = engine.clone();
        tokio::spawn(async move { get(&engine, "tide", "/wait/2000").await })
    };
    let target = engine.target("text-inference/1", Some("tide"), "stream").expect("served");
    let request = serde_json::json!({ "model": "tide", "messages": [], "max_tokens": 200 });
    let body = serde_json::to_vec(&request).expect("JSON");
    let stream = target.open(CallOptions::by("test"), Metadata::new(), body).await.expect("open");
    while engine.stats()[0].in_flight < 2 {
        tokio::task::yield_now().await;
    }
    place_tide(&home, "two");
    let number = engine.reload("tide", without_window(Cause::Files)).expect("served");
    engine.reloads().published(number).await.expect("remembered");
    assert!(engine.stats()[0].in_flight >= 2, "both are under way still");
    assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "two");
    let mut text = String::new();
    while let Ok(message) = stream.end.receiver.receive().await {
        text.push_str(&String::from_utf8_lossy(&message.body));
    }
    assert_eq!(text.matches("one ").count(), 200, "{text}");
    assert!(text.contains("finish") && !text.contains("two"), "{text}");
    assert_eq!(call.await.expect("no panic").expect("an answer"), "one");
    let reload = engine.reloads().over(number).await.expect("remembered");
    assert_eq!(reload.verdict, Some(Verdict::Kept));
    assert_eq!(mapped_images(&home.state()).len(), 1);
}

async fn counter() -> (Home, Engine) {
    let home = Home::new();
    home.add("counter");
    let options = options(&home);
    let engine = engine(options).await;
    (home, engine)
}

fn place_counter(home: &Home, fixture: &str) {
    put(home, "counter", &fs::read(build::library(fixture)).expect("the fixture"));
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_kept_over_many_reloads_under_load() {
    let reloads = integration_tests::often("LOADER_TEST_RELOADS", 200);
    let (_home, engine) = counter().await;
    let (stop, highest) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (engine, stop, highest) = (engine.clone(), stop.clone(), highest.clone());
            tokio::spawn(async move {
                let mut calls = 0_u64;
                let mut last = 0;
                while !stop.load(SeqCst) {
                    let count = get(&engine, "counter", "/").await.expect("an answer");
                    let count: u64 = count.parse().expect("a number");
                    assert!(count > last, "the count went back from {last} to {count}");
                    last = count;
                    highest.fetch_max(count, SeqCst);
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for _ in 0..reloads {
        let reload = reload(&engine, "counter", without_window(Cause::Requested)).await;
        assert_eq!(reload.verdict, Some(Verdict::Kept), "{:?}", reload.findings);
        assert!(steps(&reload).contains(&"import"));
    }
    stop.store(true, SeqCst);
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.expect("no panic");
    }
    assert_eq!(highest.load(SeqCst), calls, "every call is counted, once");
    println!("{reloads} reloads, {calls} calls, none lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_state_with_a_migration_is_carried_over() {
    let (home, engine) = counter().await;
    for expected in ["1", "2", "3"] {
        assert_eq!(get(&engine, "counter", "/").await.expect("an answer"), expected);
    }
    place_counter(&home, "counter-migrated");
    let reload = reload(&engine, "counter", without_window(Cause::Files)).await;
    assert_eq!(reload.verdict, Some(Verdict::Kept), "{:?}", reload.findings);
    assert_eq!(get(&engine, "counter", "/").await.expect("an answer"), "4 migrated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_state_without_a_migration_is_refused_with_the_migration_to_write() {
    let (home, engine) = counter().await;
    assert_eq!(get(&engine, "counter", "/").await.expect("an answer"), "1");
    place_counter(&home, "counter-changed");
    let refused = reload(&engine, "counter", Cause::Files).await;
    assert_eq!(refused.verdict, Some(Verdict::Refused));
    assert_eq!(codes(&refused), ["LDR-HANDOVER-LAYOUT"]);
    let steps = steps(&refused);
    assert!(
        !steps.contains(&"hold") && !steps.contains(&"export"),
        "nothing was stopped: {steps:?}"
    );
    let finding = &refused.findings[0];
    assert!(finding.message.contains("`calls` was u64 and is Vec<u64>"), "{}", finding.message);
    assert!(finding.hint.as_deref().unwrap_or_default().contains("impl From<CountV1> for Count"));
    assert_eq!(get(&engine, "counter", "/").await.expect("the old answers"), "2");
    let request = ReloadRequest { discard_state: true, ..without_window(Cause::Requested) };
    let forced = reload(&engine, "counter", request).await;
    assert_eq!(forced.verdict, Some(Verdict::Kept), "{:?}", forced.findings);
    assert_eq!(get(&engine, "counter", "/").await.expect("an answer"), "1", "begins anew");
}

/// A counter of this build that was called three times.
async fn counter_at_three(name: &str) -> (Home, Engine) {
    let home = Home::new();
    home.add("counter");
    put(&home, "counter", &build::named("counter", name));
    let engine = engine(options(&home)).await;
    for expected in ["1", "2", "3"] {
        assert_eq!(get(&engine, "counter", "/").await.expect("an answer"), expected);
    }
    (home, engine)
}

#[tokio::test(flavor = "multi_thread")]
async fn state_whose_answer_came_too_late_is_taken_back() {
    let (home, engine) = counter_at_three("late").await;
    let mut impatient = (*engine.options()).clone();
    impatient.reload.hold = Duration::from_millis(200);
    engine.apply(impatient, BTreeSet::new()).await.expect("applied");
    put(&home, "counter", &build::named("counter", "good"));
    let refused = reload(&engine, "counter", without_window(Cause::Requested)).await;
    assert_eq!(refused.verdict, Some(Verdict::Refused));
    assert_eq!(codes(&refused)[0], "LDR-RELOAD-EXPORT", "{refused:?}");
    assert_eq!(get(&engine, "counter", "/").await.expect("the old goes on"), "4");
    assert_eq!(mapped_images(&home.state()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_nobody_takes_is_said_to_be_lost_and_nothing_else_stays() {
    let (home, engine) = counter_at_three("takes-nothing").await;
    let refused = reload(&engine, "counter", without_window(Cause::Requested)).await;
    assert_eq!(refused.verdict, Some(Verdict::Refused));
    assert_eq!(codes(&refused), ["LDR-RELOAD-IMPORT", "LDR-RELOAD-STATE-LOST"], "{refused:?}");
    assert!(steps(&refused).ends_with(&["resume", "discard"]), "{refused:?}");
    assert_eq!(mapped_images(&home.state()).len(), 1, "the fresh one left");
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_was_to_be_discarded_is_there_again_when_the_old_build_comes_back() {
    let (home, engine) = counter_at_three("good").await;
    place_counter(&home, "counter-changed");
    let request = ReloadRequest { discard_state: true, ..Cause::Requested.into() };
    let number = engine.reload("counter", request).expect("served");
    engine.reloads().published(number).await.expect("remembered");
    for _ in 0..3 {
        get(&engine, "counter", "/fail").await.expect_err("it fails");
    }
    let returned = engine.reloads().over(number).await.expect("remembered");
    assert_eq!(returned.verdict, Some(Verdict::Returned), "{returned:?}");
    assert_eq!(get(&engine, "counter", "/").await.expect("the old answers"), "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_never_did_well_is_no_excuse_for_the_next() {
    let (home, engine) = tide_at("one").await;
    for _ in 0..5 {
        get(&engine, "tide", "/").await.expect("an answer");
    }
    for bad in ["errors", "panics", "errors-again"] {
        place_tide(&home, bad);
        let number = engine.reload("tide", Cause::Files).expect("served");
        engine.reloads().published(number).await.expect("remembered");
        while engine.reloads().get(number).expect("remembered").verdict.is_none() {
            let _ = get(&engine, "tide", "/").await;
        }
        let returned = engine.reloads().over(number).await.expect("remembered");
        assert_eq!(returned.verdict, Some(Verdict::Returned), "{bad}: {returned:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_at_the_end_of_a_drain_is_said() {
    let (home, engine) = tide_at("one").await;
    let mut hasty = (*engine.options()).clone();
    hasty.reload.drain = Duration::from_millis(50);
    engine.apply(hasty, BTreeSet::new()).await.expect("applied");
    let waiting = {
        let engine = engine.clone();
        tokio::spawn(async move { get(&engine, "tide", "/wait/60000").await })
    };
    while engine.stats()[0].in_flight < 1 {
        tokio::task::yield_now().await;
    }
    place_tide(&home, "two");
    let kept = reload(&engine, "tide", without_window(Cause::Files)).await;
    assert_eq!(kept.verdict, Some(Verdict::Kept));
    let cut = kept.findings.iter().find(|one| one.code == "LDR-RELOAD-CUT").expect("said");
    assert!(cut.message.contains("1 calls and streams were cut off"), "{cut}");
    waiting.await.expect("no panic").expect_err("it was cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_during_a_watch_and_a_drain_leaves_nothing() {
    let (home, engine) = tide_at("one").await;
    let waiting = {
        let engine = engine.clone();
        tokio::spawn(async move { get(&engine, "tide", "/wait/10000").await })
    };
    while engine.stats()[0].in_flight < 1 {
        tokio::task::yield_now().await;
    }
    place_tide(&home, "two");
    let number = engine.reload("tide", Cause::Files).expect("served");
    engine.reloads().published(number).await.expect("remembered");
    expect_unloaded(&engine.stop(Duration::from_millis(100)).await);
    assert!(waiting.await.expect("no panic").is_err());
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

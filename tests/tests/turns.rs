//! One change of a plugin after the other: loads, unloads and reloads that come at once, the end of the
//! engine while something begins, and futures that nobody waits for.

use integration_tests::{Home, build, expect_no_error, expect_unloaded, get, mapped_images};
use loader_core::{Engine, Options, Status, reload::Cause};
use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// Lays out a build of `tide` by this name.
fn place_tide(home: &Home, name: &str) {
    let folder = home.add("tide");
    let bytes = build::named("tide", name);
    fs::write(folder.join("libtide.so.new"), bytes).expect("written");
    fs::rename(folder.join("libtide.so.new"), folder.join("libtide.so")).expect("renamed");
}

fn options(home: &Home) -> Options {
    let mut options = home.options();
    options.start_timeout = Duration::from_secs(25);
    options
}

/// An engine that serves `tide`, with a call under way for so long.
async fn busy_for(milliseconds: u64) -> (Home, Engine, tokio::task::JoinHandle<()>) {
    let home = Home::new();
    place_tide(&home, "one");
    let engine = Engine::new(options(&home)).expect("an engine");
    expect_no_error(&engine.load_all().await);
    let caller = engine.clone();
    let call = tokio::spawn(async move {
        let _ = get(&caller, "tide", &format!("/wait/{milliseconds}")).await;
    });
    until(|| engine.stats()[0].in_flight > 0).await;
    (home, engine, call)
}

async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.expect("within twenty seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_loads_of_one_plugin_one_is_done() {
    let home = Home::new();
    home.add("hello");
    let engine = Engine::new(options(&home)).expect("an engine");
    let candidate = home.candidate("hello");
    let load = || engine.load(&candidate);
    let (one, two, three) = tokio::join!(load(), load(), load());
    let mut said: Vec<_> = [one, two, three].into_iter().flatten().collect();
    said.retain(|finding| finding.is_error());
    let codes: Vec<_> = said.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["LDR-START-SERVED", "LDR-START-SERVED"], "{said:?}");
    assert_eq!(engine.stats().len(), 1);
    assert_eq!(mapped_images(&home.state()).len(), 1);
    // What is served stays so, and is not loaded again with everything else.
    expect_no_error(&engine.load_all().await);
    assert_eq!(engine.snapshot().plugin("hello").expect("known").status, Status::Served);
    let outcomes = engine.stop(Duration::from_secs(1)).await;
    assert_eq!(outcomes.len(), 1);
    expect_unloaded(&outcomes);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_loaded_once_the_engine_stops() {
    let home = Home::new();
    home.add("hello");
    let engine = Engine::new(options(&home)).expect("an engine");
    engine.stop(Duration::from_secs(1)).await;
    let said = engine.load(&home.candidate("hello")).await;
    assert_eq!(said.iter().map(|one| one.code).collect::<Vec<_>>(), ["LDR-START-STOPPING"]);
    assert_eq!(engine.stats().len(), 0);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unload_that_nobody_waits_for_is_done_to_its_end() {
    let (home, engine, call) = busy_for(400).await;
    let unloading = engine.unload("tide", Duration::from_secs(5));
    timeout(Duration::from_millis(50), unloading).await.expect_err("a call is under way");
    call.await.expect("no panic");
    engine.stop(Duration::from_secs(5)).await;
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn options_are_applied_before_what_they_switch_off_is_drained() {
    let (home, engine, call) = busy_for(8_000).await;
    let mut without = engine.options().as_ref().clone();
    without.enablement.deny.insert("tide".into());
    let began = Instant::now();
    engine.apply(without, BTreeSet::new()).await.expect("applied");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(engine.snapshot().plugin("tide").expect("known").status, Status::Disabled);
    assert!(!call.is_finished(), "the call may finish");
    engine.stop(Duration::from_millis(100)).await;
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_stops_in_time_although_a_plugin_does_not_start() {
    let home = Home::new();
    place_tide(&home, "never-starts");
    let engine = Engine::new(options(&home)).expect("an engine");
    let (loading, candidate) = (engine.clone(), home.candidate("tide"));
    let loading = tokio::spawn(async move { loading.load(&candidate).await });
    until(|| !mapped_images(&home.state()).is_empty()).await;
    let began = Instant::now();
    engine.stop(Duration::from_millis(100)).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let said = loading.await.expect("no panic");
    assert_eq!(said.iter().map(|one| one.code).collect::<Vec<_>>(), ["LDR-START-STOPPING"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_stops_in_time_although_a_fresh_generation_does_not_start() {
    let home = Home::new();
    place_tide(&home, "one");
    let engine = Engine::new(options(&home)).expect("an engine");
    expect_no_error(&engine.load_all().await);
    place_tide(&home, "never-starts");
    engine.reload("tide", Cause::Requested).expect("it is served");
    until(|| mapped_images(&home.state()).len() == 2).await;
    let began = Instant::now();
    expect_unloaded(&engine.stop(Duration::from_millis(100)).await);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_may_take_for_ever() {
    let (home, engine, call) = busy_for(200).await;
    expect_unloaded(&engine.stop(Duration::MAX).await);
    call.await.expect("no panic");
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

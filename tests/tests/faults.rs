//! Faults, each with a real library: every one ends as one clear diagnostic or error, and every other
//! plugin answers meanwhile.

use integration_tests::{
    Home, build, configure, expect_no_error, expect_unloaded, get, get_within, mapped_images,
};
use loader_abi::class;
use loader_core::{Engine, Options, Retirement, Status, diagnostic::Diagnostic};
use serde_json::json;
use std::{fs, path::Path, time::Duration};

/// An engine with `hello` and one more plugin, and what there is to say about the latter.
async fn engine_with(home: &Home, options: Options, plugin: &str) -> (Engine, Vec<Diagnostic>) {
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load(&home.candidate("hello")).await);
    let findings = engine.load(&home.candidate(plugin)).await;
    (engine, findings)
}

async fn expect_others_answer(engine: &Engine) {
    assert_eq!(get(engine, "hello", "/you").await.expect("others answer"), "hello, you\n");
}

fn faulty_home() -> Home {
    let home = Home::new();
    home.add("hello");
    home.add("faulty");
    home
}

fn faulty_options(home: &Home, fault: &str) -> Options {
    let mut options = home.options();
    options.start_timeout = Duration::from_millis(500);
    options.stop_timeout = Duration::from_millis(500);
    configure(&mut options, "faulty", json!({ "fault": fault }));
    options
}

/// A fault while starting: one error, nothing served, the image gone (or kept with a reason).
async fn fails_to_start(fault: &str, code: &str, leaves: bool) {
    let home = faulty_home();
    let (engine, findings) = engine_with(&home, faulty_options(&home, fault), "faulty").await;
    assert_eq!(findings.len(), 1, "one diagnostic: {findings:?}");
    assert_eq!(findings[0].code, code, "{}", findings[0]);
    assert_eq!(findings[0].plugin.as_deref(), Some("faulty"));
    assert_eq!(engine.snapshot().plugin("faulty").expect("known").status, Status::Failed);
    expect_others_answer(&engine).await;
    let images = mapped_images(&home.state()).len();
    assert_eq!(images, if leaves { 1 } else { 2 }, "{fault}");
    assert_eq!(engine.retained().len(), usize::from(!leaves));
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_start() {
    fails_to_start("start-error", "LDR-START-FAILED", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_start() {
    fails_to_start("start-panic", "LDR-START-PANIC", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_never_returns() {
    fails_to_start("start-hang", "LDR-START-TIMEOUT", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_blocks_its_thread() {
    fails_to_start("start-block", "LDR-START-TIMEOUT", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_the_plugin_refuses() {
    let home = faulty_home();
    let mut options = home.options();
    configure(&mut options, "faulty", json!({ "fautl": "none" }));
    let (engine, findings) = engine_with(&home, options, "faulty").await;
    assert_eq!(findings.len(), 1);
    assert!(findings[0].message.contains("fautl"), "{}", findings[0]);
    assert!(findings[0].hint.is_some());
    expect_others_answer(&engine).await;
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
}

/// A fault in the background or at the end: the plugin answers, and leaves all the same.
async fn serves_and_leaves(fault: &str) {
    let home = faulty_home();
    let (engine, findings) = engine_with(&home, faulty_options(&home, fault), "faulty").await;
    expect_no_error(&findings);
    assert!(get(&engine, "faulty", "/").await.expect("an answer").starts_with("served"));
    expect_others_answer(&engine).await;
    let retirement = engine.unload("faulty", Duration::from_millis(500)).await;
    assert_eq!(retirement, Some(Retirement::Unloaded), "{fault}");
    expect_others_answer(&engine).await;
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_run() {
    serves_and_leaves("run-error").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_run() {
    serves_and_leaves("run-panic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_task() {
    serves_and_leaves("task-panic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_drain() {
    serves_and_leaves("drain-panic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_stop() {
    serves_and_leaves("stop-error").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_stop() {
    serves_and_leaves("stop-panic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_drop_of_the_plugin() {
    serves_and_leaves("drop-panic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_blocked_at_stop() {
    let home = faulty_home();
    let (engine, findings) =
        engine_with(&home, faulty_options(&home, "stop-block"), "faulty").await;
    expect_no_error(&findings);
    match engine.unload("faulty", Duration::from_millis(100)).await {
        Some(Retirement::Wedged(_)) => {}
        other => panic!("{other:?}"),
    }
    expect_others_answer(&engine).await;
    engine.stop(Duration::from_secs(1)).await;
}

/// Faults in calls: each is that call's own error; the plugin answers the next one.
#[tokio::test(flavor = "multi_thread")]
async fn faults_in_calls_cost_their_own_call_only() {
    let home = faulty_home();
    let (engine, findings) = engine_with(&home, faulty_options(&home, "none"), "faulty").await;
    expect_no_error(&findings);
    let faults = [
        ("/error", class::INTERNAL, "no_luck"),
        ("/panic", class::PANIC, "LDR-CALL-PANIC"),
        ("/panic-second-poll", class::PANIC, "LDR-CALL-PANIC"),
        ("/panic-in-poll", class::PANIC, "LDR-CALL-PANIC"),
        ("/panic-on-drop", class::PANIC, "LDR-CALL-PANIC"),
        ("/too-long", class::INTERNAL, "LDR-CALL-ANSWER-SIZE"),
        ("/never", class::DEADLINE, "LDR-CALL-DEADLINE"),
        ("/panic-on-cancel", class::DEADLINE, "LDR-CALL-DEADLINE"),
    ];
    for (path, class, code) in faults {
        let failure = get_within(&engine, "faulty", path, Duration::from_millis(200)).await;
        let failure = failure.expect_err(path);
        assert_eq!((failure.class, failure.code.as_str()), (class, code), "{path}: {failure}");
        assert!(get(&engine, "faulty", "/").await.expect("the next call").starts_with("served"));
        expect_others_answer(&engine).await;
    }
    assert!(engine.stats()[1].panics_contained >= 5);
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_stops_calling_a_plugin_that_keeps_failing() {
    let home = faulty_home();
    let (engine, _) = engine_with(&home, faulty_options(&home, "none"), "faulty").await;
    for _ in 0..5 {
        assert_eq!(
            get(&engine, "faulty", "/panic").await.expect_err("a panic").class,
            class::PANIC
        );
    }
    let refused = get(&engine, "faulty", "/").await.expect_err("the breaker is open");
    assert_eq!(refused.code, "LDR-CALL-BREAKER");
    assert!(refused.retry_after.is_some());
    expect_others_answer(&engine).await;
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_blocks_its_thread_ends_by_its_deadline_and_a_fresh_generation_takes_over() {
    let home = faulty_home();
    let mut options = faulty_options(&home, "none");
    options.stuck_timeout = Duration::from_millis(200);
    let (engine, findings) = engine_with(&home, options, "faulty").await;
    expect_no_error(&findings);
    let mut changes = engine.registry().changes();
    let failure = get_within(&engine, "faulty", "/block", Duration::from_millis(100)).await;
    assert_eq!(failure.expect_err("blocked").class, class::DEADLINE);
    expect_others_answer(&engine).await;
    let first = engine.snapshot().plugin("faulty").expect("known").generation;
    changes.mark_unchanged();
    let replaced = async {
        while engine.snapshot().plugin("faulty").expect("known").generation == first {
            changes.changed().await.expect("the registry lives");
        }
    };
    tokio::time::timeout(Duration::from_secs(10), replaced).await.expect("a fresh generation");
    assert_eq!(get(&engine, "faulty", "/").await.expect("it answers"), "served 1");
    engine.stop(Duration::from_secs(1)).await;
}

/// A file that cannot work is refused before one instruction of it runs.
async fn is_refused(code: &str, change: impl FnOnce(&Home, &Path)) {
    let home = Home::new();
    home.add("hello");
    let folder = home.add("bare-call");
    change(&home, &folder);
    let (engine, findings) = engine_with(&home, home.options(), "bare-call").await;
    assert_eq!(findings.len(), 1, "one diagnostic: {findings:?}");
    assert_eq!(findings[0].code, code, "{}", findings[0]);
    assert!(findings[0].hint.is_some(), "{}", findings[0]);
    assert_eq!(mapped_images(&home.state()).len(), 1, "only `hello` was opened");
    expect_others_answer(&engine).await;
    expect_unloaded(&engine.stop(Duration::from_secs(1)).await);
}

fn rewrite(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let library = folder.join("libbare_call.so");
    let mut bytes = fs::read(&library).expect("the library");
    change(&mut bytes);
    fs::write(&library, bytes).expect("the library can be written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_is_refused() {
    is_refused("LDR-VET-FORMAT", |_, folder| rewrite(folder, |bytes| bytes.truncate(5000))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_architecture_is_refused() {
    // The machine field of an ELF header: 183 is AArch64.
    is_refused("LDR-VET-ARCH", |_, folder| rewrite(folder, |bytes| bytes[18] = 183)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_symbol_is_refused() {
    is_refused("LDR-VET-SYMBOL", |_, folder| {
        rewrite(folder, |bytes| {
            let symbol = loader_abi::layout::ROOT_SYMBOL.as_bytes();
            let positions: Vec<usize> = bytes
                .windows(symbol.len())
                .enumerate()
                .filter(|(_, window)| *window == symbol)
                .map(|(at, _)| at)
                .collect();
            assert!(!positions.is_empty());
            for at in positions {
                bytes[at] = b'X';
            }
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_aborts_on_panic_is_refused() {
    is_refused("LDR-VET-PANIC", |_, folder| {
        let library = build::aborting_library("bare-call");
        fs::copy(library, folder.join("libbare_call.so")).expect("a copy");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_than_the_manifests_is_refused() {
    is_refused("LDR-VET-VERSION", |_, folder| {
        let manifest = folder.join("plugin.toml");
        let text = fs::read_to_string(&manifest).expect("the manifest");
        fs::write(&manifest, text.replace("version = \"0.1.0\"", "version = \"0.2.0\""))
            .expect("written");
    })
    .await;
}

//! Real unload, proven: thousands of lives in one process, and nothing of them left.
//!
//! One test per process (nextest's way), because they count the process's threads, keys and memory.
//! `LOADER_TEST_CYCLES` sets the number of cycles; the promise is made for 2,000.

use integration_tests::{
    Home, expect_no_error, expect_unloaded, get, mapped_images, resident_bytes, threads,
};
use loader_core::{Engine, Retirement, pthread_keys_in_use};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const PROMISED_CYCLES: usize = 2_000;
const ALLOWED_GROWTH: usize = 4 * 1024;

fn cycles() -> usize {
    let said = std::env::var("LOADER_TEST_CYCLES").ok().and_then(|cycles| cycles.parse().ok());
    said.unwrap_or(PROMISED_CYCLES)
}

/// The number of threads once it is no more than expected, or after a while.
///
/// A thread that was joined stays in `/proc` until the kernel has taken it apart.
fn settled_threads(expected: usize) -> usize {
    let deadline = Instant::now() + Duration::from_secs(5);
    while threads() > expected && Instant::now() < deadline {
        std::thread::yield_now();
    }
    threads()
}

/// Loads, serves and retires a plugin over and over while another one is being called.
async fn cycle(plugin: &str) {
    let home = Home::new();
    home.add("hello");
    home.add(plugin);
    let engine = Engine::new(home.options()).expect("an engine");
    let hello = home.candidate("hello");
    let candidate = home.candidate(plugin);
    expect_no_error(&engine.load(&hello).await);

    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let caller = {
        let (engine, stop, answered) = (engine.clone(), stop.clone(), answered.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                get(&engine, "hello", "/soak").await.expect("others are served meanwhile");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    };

    let once = async || {
        expect_no_error(&engine.load(&candidate).await);
        let answers = (0..4).map(|_| get(&engine, plugin, "/"));
        for answer in futures_util::future::join_all(answers).await {
            answer.expect("an answer");
        }
        let retirement = engine.unload(plugin, Duration::from_secs(5)).await;
        assert_eq!(retirement, Some(Retirement::Unloaded));
    };
    // Caches, pools and the allocator's arenas fill first.
    let total = cycles();
    let warm_up = (total / 10).max(20);
    for _ in 0..warm_up {
        once().await;
    }
    let before = (threads(), pthread_keys_in_use(), resident_bytes());
    for _ in 0..total {
        once().await;
    }
    let after = (settled_threads(before.0), pthread_keys_in_use(), resident_bytes());

    let growth = after.2.saturating_sub(before.2) / total;
    println!(
        "{plugin}: {total} cycles; threads {} -> {}; keys {:?} -> {:?}; {growth} B a cycle; {} \
         calls to another plugin meanwhile",
        before.0,
        after.0,
        before.1,
        after.1,
        answered.load(Ordering::Relaxed)
    );
    stop.store(true, Ordering::Relaxed);
    caller.await.expect("the caller ends");
    let still = mapped_images(&home.state());
    assert_eq!(still.len(), 1, "only `hello` is mapped: {still:?}");
    assert!(after.0 <= before.0, "threads grow: {} -> {}", before.0, after.0);
    assert_eq!(before.1, after.1, "keys are flat");
    if total >= PROMISED_CYCLES {
        assert!(growth < ALLOWED_GROWTH, "{growth} B a cycle");
    }
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
    assert!(engine.retained().is_empty());
}

/// Runs a test's work and then ends every thread the host ever had, with the host alive.
fn outlive(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // The pool for blocking work must not be what makes the count of threads move.
        .max_blocking_threads(1)
        .thread_keep_alive(Duration::from_secs(3600))
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(10));
    let left = settled_threads(2);
    // The test harness has a main thread beside this one.
    assert!(left <= 2, "{left} threads are left");
}

#[test]
fn a_plugin_with_its_own_tokio_leaves_every_time() {
    outlive(cycle("own-tokio"));
}

#[test]
fn a_plugin_with_thread_locals_leaves_every_time() {
    outlive(cycle("thread-locals"));
}

#[test]
fn a_plugin_that_leaves_a_thread_is_kept_and_named() {
    pinned("leaves-thread", "threads running");
}

#[test]
fn a_plugin_that_leaves_a_signal_handler_is_kept_and_named() {
    pinned("leaves-signal-handler", "signals");
}

fn pinned(plugin: &'static str, reason: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let home = Home::new();
    home.add(plugin);
    let engine = runtime.block_on(async {
        let engine = Engine::new(home.options()).expect("an engine");
        expect_no_error(&engine.load_all().await);
        get(&engine, plugin, "/").await.expect("an answer");
        let retirement = engine.unload(plugin, Duration::from_secs(1)).await;
        match retirement {
            Some(Retirement::Pinned(why)) => assert!(why.contains(reason), "{why}"),
            other => panic!("{other:?}"),
        }
        engine
    });
    assert_eq!(mapped_images(&home.state()).len(), 1, "it stays mapped");
    let retained = engine.retained();
    assert_eq!(retained.len(), 1);
    assert_eq!(retained[0].plugin, plugin);
    // The host is alive after its threads have ended, though the image stays.
    runtime.shutdown_timeout(Duration::from_secs(10));
    std::thread::spawn(|| ()).join().expect("the host still starts threads");
}

//! What can only be shown from within: events that are lost, and a teller of events that dies.
#![expect(clippy::print_stdout, reason = "how long it took is shown with `--nocapture`")]

use super::*;
use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tempfile::TempDir;

/// Everything converges within this.
const LIMIT: Duration = Duration::from_secs(6);

/// As many as overflow the system's queue, each with several events.
const FLOOD: usize = 12_000;

/// What goes wrong with the telling of events.
#[derive(Default)]
pub(super) struct Sabotage {
    /// While it is locked, the thread that tells events waits.
    busy: Mutex<()>,
    is_deaf: AtomicBool,
    is_deadly: AtomicBool,
    /// How often the system said that it lost events.
    overflows: AtomicUsize,
}

impl Sabotage {
    /// Whether the event is lost.
    pub(super) fn strikes(&self, event: &notify::Result<notify::Event>) -> bool {
        drop(self.busy.lock());
        if event.as_ref().is_ok_and(notify::Event::need_rescan) {
            self.overflows.fetch_add(1, Ordering::Relaxed);
        }
        assert!(!self.is_deadly.swap(false, Ordering::Relaxed), "the teller of events dies here");
        self.is_deaf.load(Ordering::Relaxed)
    }
}

/// A watched root with a plugin.
fn root() -> (TempDir, PathBuf, Watch) {
    let root = tempfile::tempdir().unwrap();
    let plugin = root.path().join("hello");
    fs::create_dir(&plugin).unwrap();
    fs::write(plugin.join("plugin.toml"), "id = \"hello\"").unwrap();
    let roots = BTreeSet::from([root.path().to_owned()]);
    let watch = Watch::start(Targets { roots, ..Targets::default() }, Options::default()).unwrap();
    (root, plugin, watch)
}

async fn reported(watch: &Watch, path: &Path) -> Duration {
    let start = Instant::now();
    let wait = async { while !watch.changed().await.contains(path) {} };
    tokio::time::timeout(LIMIT, wait).await.expect("a report");
    let elapsed = start.elapsed();
    println!("reported after {elapsed:?}");
    elapsed
}

#[tokio::test]
async fn a_flood_that_overflows_the_queue_ends_in_what_is_there() {
    let (_root, plugin, watch) = root();
    reported(&watch, &plugin).await;
    let manifest = plugin.join("plugin.toml");
    for round in 0..3 {
        // Nobody takes events from the system's queue, and nobody takes reports either.
        let busy = watch.shared.sabotage.busy.lock();
        for number in 0..FLOOD {
            fs::File::create(plugin.join(format!("{round}-{number}"))).unwrap();
        }
        fs::write(&manifest, format!("round = {round}")).unwrap();
        drop(busy);
        assert!(reported(&watch, &plugin).await < LIMIT);
        assert!(watch.shared.sabotage.overflows.load(Ordering::Relaxed) > round, "no overflow");
        assert!(watch.trouble().is_none());
    }
    assert!(watch.shared.state().changed.len() <= 1, "reports are told once, however many events");
}

#[tokio::test]
async fn a_flood_of_folders_is_reported_once_each() {
    let (root, plugin, watch) = root();
    reported(&watch, &plugin).await;
    for number in 0..FLOOD / 100 {
        let plugin = root.path().join(format!("p{number}"));
        fs::create_dir(&plugin).unwrap();
        for text in 0..100 {
            fs::write(plugin.join("plugin.toml"), text.to_string()).unwrap();
        }
    }
    let mut seen = BTreeSet::new();
    let wait = async {
        while seen.len() < FLOOD / 100 {
            seen.extend(watch.changed().await);
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("all of them");
}

#[tokio::test]
async fn what_no_event_told_is_found_by_the_tick() {
    let (_root, plugin, watch) = root();
    reported(&watch, &plugin).await;
    watch.shared.sabotage.is_deaf.store(true, Ordering::Relaxed);
    for text in ["one", "two"] {
        fs::write(plugin.join("plugin.toml"), text).unwrap();
        assert!(reported(&watch, &plugin).await < LIMIT);
    }
}

#[tokio::test]
async fn a_teller_of_events_that_died_is_replaced() {
    let (_root, plugin, watch) = root();
    reported(&watch, &plugin).await;
    watch.shared.sabotage.is_deadly.store(true, Ordering::Relaxed);
    fs::write(plugin.join("plugin.toml"), "dies").unwrap();
    assert!(reported(&watch, &plugin).await < LIMIT);
    // From now on events come again, and nothing has to wait for a tick.
    for text in ["lives", "lives again"] {
        fs::write(plugin.join("plugin.toml"), text).unwrap();
        assert!(reported(&watch, &plugin).await < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn nothing_of_a_dropped_watch_stays() {
    let (_root, plugin, watch) = root();
    reported(&watch, &plugin).await;
    let shared = Arc::downgrade(&watch.shared);
    drop(watch);
    // Its own thread has ended; that of the system's events ends by itself.
    let wait = async {
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("both threads have ended");
}

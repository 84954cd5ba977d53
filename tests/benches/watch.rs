//! From a library that is renamed into place to the report that it is there and at rest, beside the
//! system's own event for the same rename: alone, beside a thousand plugins, and with every processor busy.

use integration_tests::bench::{Arguments, Goal, Report, Row, Unit};
use loader_core::watch::{Options, Targets, Watch};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::{
    collections::BTreeSet,
    fs,
    mem::MaybeUninit,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const LIBRARY: &str = "libplugin.so";

fn main() {
    let arguments = Arguments::read();
    let rounds = arguments.pick(300, 20);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut report = Report::new("watch", "renamed into place → reported, at rest for 20 ms");
    let others = arguments.pick(1_000, 10);
    let cases = [
        ("one plugin", 0, false),
        ("among a thousand plugins", others, false),
        ("one plugin, every processor busy", 0, true),
    ];
    for (name, others, is_busy) in cases {
        let load = Load::start(is_busy);
        let times = runtime.block_on(measure(rounds, others));
        drop(load);
        let (median, mean, p99) = times.summary(|time| time.reported);
        let event = times.summary(|time| time.told).0;
        let row = Row::new(name, Unit::Milliseconds, median).spread(mean, p99);
        report.add(row.beside("the event alone", event).goal(Goal::AtMost(25.0)));
    }
    report.print(arguments);
}

/// How long one rename took to be known.
#[derive(Clone, Copy)]
struct Time {
    told: f64,
    reported: f64,
}

struct Times(Vec<Time>);

impl Times {
    /// Median, mean and 99th percentile.
    fn summary(&self, of: impl Fn(&Time) -> f64) -> (f64, f64, f64) {
        let mut values: Vec<f64> = self.0.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        (at(0.5), values.iter().sum::<f64>() / values.len() as f64, at(0.99))
    }
}

async fn measure(rounds: usize, others: usize) -> Times {
    let home = tempfile::tempdir().expect("a folder");
    let mut targets = Targets::default();
    for number in 0..=others {
        let plugin = home.path().join(format!("plugin-{number}"));
        fs::create_dir(&plugin).expect("a folder");
        fs::write(plugin.join("plugin.toml"), "a plugin").expect("a file");
        fs::write(plugin.join(LIBRARY), "a library").expect("a file");
        targets.folders.insert(plugin, BTreeSet::from([LIBRARY.into()]));
    }
    let plugins = targets.folders.len();
    let watch = Watch::start(targets, Options::default()).expect("a watch");
    let mut reported = BTreeSet::new();
    while reported.len() < plugins {
        reported.extend(watch.changed().await);
    }
    let plugin = home.path().join("plugin-0");
    let library = plugin.join(LIBRARY);
    let told = tell_renames(&plugin);
    let mut times = Vec::new();
    for round in 0..rounds {
        let new = plugin.join(".new");
        fs::write(&new, [u8::try_from(round % 255 + 1).expect("a byte"); 512 * 1_024])
            .expect("a file");
        let start = Instant::now();
        fs::rename(new, &library).expect("renamed");
        watch.changed().await;
        let reported = milliseconds(start.elapsed());
        let told = told.recv().expect("an event").saturating_duration_since(start);
        times.push(Time { told: milliseconds(told), reported });
    }
    Times(times)
}

/// The moments of the renames into a folder, as the system tells them to a plain program.
fn tell_renames(folder: &Path) -> mpsc::Receiver<Instant> {
    let watcher = inotify::init(CreateFlags::CLOEXEC).expect("a watcher");
    inotify::add_watch(&watcher, folder, WatchFlags::MOVED_TO).expect("a watch");
    let (teller, told) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut reader = inotify::Reader::new(watcher, &mut buffer);
        // The folder's end is the end of the watch.
        while reader.next().is_ok_and(|event| event.events().contains(ReadFlags::MOVED_TO)) {
            if teller.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    told
}

/// Keeps every processor busy until it is dropped.
struct Load(Arc<AtomicBool>);

impl Load {
    fn start(is_wanted: bool) -> Self {
        let is_over = Arc::new(AtomicBool::new(!is_wanted));
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || while !is_over.load(Ordering::Relaxed) {});
        }
        Self(is_over)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

//! What it costs readers of the registry that it is published anew, a thousand times a second.

use integration_tests::{
    Home,
    bench::{Arguments, Goal, Report, Row, Unit, median},
};
use loader_core::{Activation, Engine, Options};
use std::{
    fs,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How many plugins are in the registry, and how often it is published in a second.
const PLUGINS: usize = 500;
const PUBLICATIONS: u32 = 1000;

fn main() {
    let arguments = Arguments::read();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let home = Home::new();
    let engine = runtime.block_on(engine(&home));
    let time = Duration::from_millis(arguments.pick(500, 50));
    let (mut idle, mut stormy) = (Vec::new(), Vec::new());
    for _ in 0..arguments.pick(9, 2) {
        idle.push(reads(&engine, time));
        let storm = Storm::begin(&engine);
        stormy.push(reads(&engine, time));
        storm.end();
    }
    let mut report = Report::new("registry", "reads of one thread, while it is published");
    let name = format!("reads, {PLUGINS} plugins, {PUBLICATIONS} publications a second");
    let row = Row::new(name, Unit::PerSecond("reads"), median(&stormy));
    report.add(row.beside("no publications", median(&idle)).goal(Goal::RatioAtLeast(0.95)));
    report.print(arguments);
}

/// An engine with many plugins, none of them open.
async fn engine(home: &Home) -> Engine {
    for number in 0..PLUGINS {
        let id = format!("sleeper-{number}");
        let folder = home.plugins().join(&id);
        fs::create_dir_all(&folder).expect("a folder");
        let manifest = format!(
            "manifest = 1\nid = \"{id}\"\nversion = \"0.1.0\"\nabi = \"1.0\"\n\
             [library]\npath = \"lib.so\"\n[provides]\n\"tool/1\" = [\"{id}\"]\n\
             \"health/1\" = [\"{id}\"]\n"
        );
        fs::write(folder.join("plugin.toml"), manifest).expect("a manifest");
    }
    let options = Options { activation: Activation::OnDemand, ..home.options() };
    let engine = Engine::new(options).expect("an engine");
    engine.load_all().await;
    assert_eq!(engine.snapshot().capabilities("tool/1").count(), PLUGINS);
    engine
}

/// Reads in a second: a snapshot, and one capability of it.
fn reads(engine: &Engine, time: Duration) -> f64 {
    let began = Instant::now();
    let mut reads = 0_u64;
    while began.elapsed() < time {
        for _ in 0..1000 {
            black_box(engine.snapshot().owner("tool/1", "sleeper-250").is_some());
        }
        reads += 1000;
    }
    reads as f64 / began.elapsed().as_secs_f64()
}

/// A thread that publishes.
struct Storm {
    over: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Storm {
    fn begin(engine: &Engine) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (ends, engine) = (over.clone(), engine.clone());
        let thread = thread::spawn(move || {
            let mut due = Instant::now();
            while !ends.load(Ordering::Relaxed) {
                engine.registry().republish();
                due += Duration::from_secs(1) / PUBLICATIONS;
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        Self { over, thread }
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends");
    }
}

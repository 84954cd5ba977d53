//! What it costs to know that a library may run: the whole gate on a library of five megabytes, beside
//! SHA-256, a write and an fsync of the same bytes.

use integration_tests::{
    Home,
    bench::{Arguments, Bounds, Goal, Report, Row, Series, Stretch, Unit},
};
use loader_core::{
    digest::Digest,
    discovery::Candidate,
    staging::Store,
    vetting::{Policy, vet, vet_fresh},
};
use std::{fs, io::Write, path::Path, time::Duration};

/// The size of the library.
const BYTES: u64 = 5_000_000;

fn main() {
    let arguments = Arguments::read();
    let home = Home::new();
    let folder = home.add("openai");
    let library = folder.join("libopenai.so");
    let file = fs::File::options().write(true).open(&library).expect("the library");
    // What lies behind its end is read and hashed like everything else.
    file.set_len(BYTES).expect("five megabytes");
    let bytes = fs::read(&library).expect("the library");
    // One without bytes is refused as soon as everything about its files is known.
    fs::write(home.add("echo").join("libecho.so"), []).expect("an empty library");
    let (candidate, empty, policy) = (home.candidate("openai"), home.candidate("echo"), policy());
    let store = Store::open(&home.state()).expect("a store");
    let scratch = home.state().join("scratch");
    let mut gate = Series::default();
    let mut vetting = Series::default();
    let mut plain = Series::default();
    let mut ownership = Series::default();
    let mut generation = 0;
    let bounds = Bounds { samples: arguments.pick(100, 5), time: Duration::from_secs(5) };
    for _ in 0..arguments.pick(10, 2) {
        plain.add(timed(bounds, || write_and_sync(&scratch, &bytes)));
        gate.add(timed(bounds, || {
            let fresh = vet_fresh(&candidate, &policy).expect("fit");
            generation += 1;
            drop(store.stage(&fresh, generation).expect("staged"));
        }));
        vetting.add(timed(bounds, || drop(vet(&candidate, &policy).expect("fit"))));
        ownership.add(timed(bounds, || look_at_files(&empty, &policy)));
    }
    let mut report = Report::new("gate", "may this library of 5 MB run?");
    let milliseconds = |series: &Series| {
        let [typical, mean, p99] =
            [series.typical(), series.mean(), series.percentile(0.99)].map(|value| value / 1e6);
        (typical, mean, p99)
    };
    let (base, ..) = milliseconds(&plain);
    let beside = "SHA-256, write, fsync";
    for (name, series, goal) in [("vet and stage", &gate, Some(6.0)), ("vet alone", &vetting, None)]
    {
        let (typical, mean, p99) = milliseconds(series);
        let row =
            Row::new(name, Unit::Milliseconds, typical).spread(mean, p99).beside(beside, base);
        report.add(match goal {
            Some(goal) => row.goal(Goal::AtMost(goal)),
            None => row,
        });
    }
    let (.., p99) = milliseconds(&gate);
    let slowest = Row::new("vet and stage, p99", Unit::Milliseconds, p99);
    report.add(slowest.goal(Goal::AtMost(15.0)));
    let files = Row::new("files and folders alone", Unit::Nanoseconds, ownership.typical());
    let files = files.spread(ownership.mean(), ownership.percentile(0.99));
    report.add(files.goal(Goal::AtMost(50_000.0)));
    report.print(arguments);
}

fn policy() -> Policy {
    Policy::new(["clock/1", "config/1", "secrets/1", "kv/1", "events/1", "http-client/1"])
}

/// Nanoseconds of each sample.
fn timed(bounds: Bounds, mut once: impl FnMut()) -> Vec<f64> {
    let mut stretch = Stretch::start(bounds, 1);
    loop {
        once();
        if !stretch.lap() {
            return stretch.into_samples();
        }
    }
}

fn write_and_sync(path: &Path, bytes: &[u8]) {
    let digest = Digest::of(bytes);
    let mut file = fs::File::create(path).expect("a file");
    file.write_all(bytes).and_then(|()| file.sync_all()).expect("written");
    std::hint::black_box(digest);
}

fn look_at_files(empty: &Candidate, policy: &Policy) {
    let refusals = vet(empty, policy).expect_err("there is nothing to load");
    assert!(refusals.len() == 1 && refusals[0].code == "LDR-VET-FORMAT", "{refusals:?}");
}

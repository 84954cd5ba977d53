//! From a library that is renamed into place to the first answer of the new code, beside hot-lib-reloader
//! with its defaults: alone, and with 32 calls of 20 ms in flight.

use integration_tests::{
    Home,
    bench::{Arguments, Goal, Report, Row, Unit},
    build,
    client::Client,
    gateway::Gateway,
};
use serde_json::Value;
use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;

const CALLERS: usize = 32;

/// Longer than anybody waits.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() {
    let arguments = Arguments::read();
    let rounds = arguments.pick(200, 5);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (idle, in_flight) = runtime.block_on(ours(rounds));
    let title = "renamed into place → first answer of the new code";
    let mut report = Report::new("reload", title);
    match theirs(arguments.pick(20, 2)) {
        None => {
            report.not_run("hot-lib-reloader: scripts/bench --peers");
            report.add(row("idle", &idle));
            report.add(row("32 calls in flight", &in_flight));
        }
        Some((their_idle, their_in_flight)) => {
            let (their_median, ..) = summary(&their_idle);
            report.add(row("idle", &idle).beside("hot-lib-reloader", their_median));
            let name = "32 calls in flight";
            if their_in_flight.is_empty() {
                let name = format!("{name} (hot-lib-reloader: never in {} s)", PATIENCE.as_secs());
                report.add(row(&name, &in_flight));
            } else {
                let (their_median, ..) = summary(&their_in_flight);
                report.add(row(name, &in_flight).beside("hot-lib-reloader", their_median));
            }
        }
    }
    report.print(arguments);
}

fn row(name: &str, times: &[f64]) -> Row {
    let (median, mean, p99) = summary(times);
    Row::new(name, Unit::Milliseconds, median).spread(mean, p99).goal(Goal::AtMost(50.0))
}

/// Median, mean and 99th percentile.
fn summary(times: &[f64]) -> (f64, f64, f64) {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    (at(0.5), times.iter().sum::<f64>() / times.len() as f64, at(0.99))
}

async fn ours(rounds: usize) -> (Vec<f64>, Vec<f64>) {
    let home = Home::new();
    home.add("tide");
    let config = "[plugins.reload]\nwindow_ms = 0\n[log]\nfilter = \"warn\"\n";
    let gateway = Gateway::start(&home, config).await;
    let mut client = Client::connect(&gateway).await;
    let idle = measure(&home, &mut client, "idle", rounds).await;

    let is_over = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let (mut client, is_over) = (Client::connect(&gateway).await, is_over.clone());
        callers.push(tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let answer = client.get("/tide/wait/20").await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
        }));
    }
    let in_flight = measure(&home, &mut client, "busy", rounds).await;
    is_over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no call was lost");
    }
    (idle, in_flight)
}

async fn measure(home: &Home, client: &mut Client, name: &str, rounds: usize) -> Vec<f64> {
    let folder = home.plugins().join("tide");
    let mut times = Vec::new();
    for round in 0..rounds {
        let name = format!("{name}-{round}");
        fs::write(folder.join("new"), build::named("tide", &name)).expect("written");
        fs::rename(folder.join("new"), folder.join("libtide.so")).expect("renamed");
        let began = Instant::now();
        while client.get("/tide").await.expect("an answer").body != name {
            assert!(began.elapsed() < PATIENCE, "`{name}` does not answer");
            sleep(Duration::from_millis(1)).await;
        }
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times
}

/// The same of hot-lib-reloader, if it is built: those that got through, in milliseconds.
fn theirs(rounds: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let built = build::repository().join("tests/bench-peers/target/release");
    let program = built.join("hot-reload");
    if !program.exists() {
        return None;
    }
    let measured =
        Command::new(program).arg(built.join("libhot_lib.so")).arg(rounds.to_string()).output();
    let measured = measured.expect("hot-reload can be run");
    let said = String::from_utf8_lossy(&measured.stderr);
    assert!(measured.status.success(), "hot-reload failed: {said}");
    let report: Value = serde_json::from_slice(&measured.stdout).expect("it writes JSON");
    let times = |key: &str| {
        let all = report[key].as_array().expect("an array");
        all.iter().filter_map(Value::as_f64).collect::<Vec<f64>>()
    };
    Some((times("idle_ms"), times("in_flight_ms")))
}

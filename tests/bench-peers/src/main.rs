//! `peers`: what a plugin call costs elsewhere, beside a plain `dyn` call measured in the same run.
//!
//! Standard output carries the table or, with `--json`, one array; everything else goes to standard
//! error. See README.md for what the figures mean.

mod extism;
mod grpc;
mod plain;
mod timing;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::timing::{Bounds, Row};

const USAGE: &str = "usage: peers [--json]            every peer and the plain `dyn` baseline
       peers calibrate [--json]  the baseline alone";

/// Body sizes of the one-caller rows, in bytes.
const SIZES: [usize; 3] = [64, 1024, 64 * 1024];
const CALLERS: usize = 32;
const CALLERS_SIZE: usize = 1024;

/// Peers take turns this often, so that a slow moment of the machine falls on all of them.
const ROUNDS: usize = 5;
const WARM_UP: Bounds = Bounds { samples: 500, time: Duration::from_millis(50) };
const ONE_CALLER: Bounds = Bounds { samples: 20_000, time: Duration::from_millis(250) };
const MANY_CALLERS: Bounds = Bounds { samples: 20_000, time: Duration::from_millis(400) };

/// One way of reaching an echo and being handed a body of one's own.
trait Peer {
    fn name(&self) -> &'static str;

    fn version(&self) -> &'static str;

    /// How many calls one sample of [`Peer::one_caller`] stands for.
    fn calls_per_sample(&self) -> u32 {
        1
    }

    /// One call, to see that the peer answers what it was sent.
    fn echo(&mut self, body: &[u8]) -> Result<Vec<u8>>;

    /// Samples of calls made one after the other.
    fn one_caller(&mut self, body: &[u8], bounds: Bounds) -> Result<Vec<Duration>>;

    /// How many calls `callers` at a time finished, each caller within `bounds`.
    fn many_callers(&mut self, callers: usize, body: &[u8], bounds: Bounds) -> Result<u64>;
}

/// What was measured of one peer.
#[derive(Serialize)]
struct Report {
    peer: &'static str,
    version: &'static str,
    calls_per_sample: u32,
    rows: Vec<Row>,
    calls_per_second_32_callers: f64,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<Option<&str>> = arguments.iter().map(|word| word.to_str()).collect();
    let outcome = match words[..] {
        [] => every_peer().and_then(|reports| print_table(&reports)),
        [Some("--json")] => every_peer().and_then(|reports| print_json(&reports)),
        [Some("calibrate")] => baseline().and_then(|reports| print_table(&reports)),
        [Some("calibrate"), Some("--json")] => baseline().and_then(|reports| print_json(&reports)),
        // The child of the gRPC peer; not for users.
        [Some("serve"), _] => grpc::serve(Path::new(&arguments[1])),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn baseline() -> Result<Vec<Report>> {
    measure(&mut [&mut plain::Plain::new()])
}

fn every_peer() -> Result<Vec<Report>> {
    let mut extism = extism::Extism::new().context("extism")?;
    let mut grpc = grpc::Grpc::new().context("grpc-uds")?;
    measure(&mut [&mut plain::Plain::new(), &mut extism, &mut grpc])
}

/// Measures all peers in turns and summarises each.
fn measure(peers: &mut [&mut dyn Peer]) -> Result<Vec<Report>> {
    let bodies = SIZES.map(body);
    let callers_body = body(CALLERS_SIZE);
    let mut samples = vec![SIZES.map(|_| Vec::new()); peers.len()];
    let mut throughput = vec![(0, Duration::ZERO); peers.len()];

    for peer in peers.iter_mut() {
        for body in &bodies {
            let answer = peer.echo(body).with_context(|| peer.name())?;
            ensure!(answer == *body, "{} did not answer what it was sent", peer.name());
            peer.one_caller(body, WARM_UP).with_context(|| peer.name())?;
        }
        peer.many_callers(CALLERS, &callers_body, WARM_UP).with_context(|| peer.name())?;
    }

    for _ in 0..ROUNDS {
        for (index, peer) in peers.iter_mut().enumerate() {
            for (body, samples) in bodies.iter().zip(&mut samples[index]) {
                samples.extend(peer.one_caller(body, ONE_CALLER).with_context(|| peer.name())?);
            }
            let (calls, time) = &mut throughput[index];
            let started = Instant::now();
            *calls += peer
                .many_callers(CALLERS, &callers_body, MANY_CALLERS)
                .with_context(|| peer.name())?;
            *time += started.elapsed();
        }
    }

    let reports =
        peers.iter().zip(samples).zip(throughput).map(|((peer, samples), (calls, time))| {
            let rows = SIZES.into_iter().zip(samples);
            Report {
                peer: peer.name(),
                version: peer.version(),
                calls_per_sample: peer.calls_per_sample(),
                rows: rows
                    .map(|(bytes, samples)| Row::summarise(bytes, peer.calls_per_sample(), samples))
                    .collect(),
                calls_per_second_32_callers: (calls as f64 / time.as_secs_f64()).round(),
            }
        });
    Ok(reports.collect())
}

/// A body whose bytes differ from one another, so that a wrong echo cannot pass for a right one.
fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

/// The version of a dependency that was built in, read from the lock file.
fn locked_version(package: &str) -> &'static str {
    include_str!("../Cargo.lock")
        .split("[[package]]")
        .find(|entry| entry.contains(&format!("\nname = \"{package}\"\n")))
        .and_then(|entry| entry.split("\nversion = \"").nth(1)?.split('"').next())
        .expect("every dependency is in the lock file")
}

fn print_json(reports: &[Report]) -> Result<()> {
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, reports).context("writing the report")?;
    writeln!(output).context("writing the report")
}

/// Prints one line per peer and size; the last column is the mean against the first peer's.
fn print_table(reports: &[Report]) -> Result<()> {
    let mut output = std::io::stdout().lock();
    let mut line = |text: String| writeln!(output, "{text}").context("writing the report");
    line(format!(
        "{:<10} {:<9} {:>7} {:>12} {:>12} {:>12} {:>8}",
        "peer", "version", "bytes", "mean ns", "p50 ns", "p99 ns", "x dyn"
    ))?;
    let baseline = &reports[0];
    for report in reports {
        for (row, plain) in report.rows.iter().zip(&baseline.rows) {
            line(format!(
                "{:<10} {:<9} {:>7} {:>12.1} {:>12.1} {:>12.1} {:>8.1}",
                report.peer,
                report.version,
                row.bytes,
                row.mean_ns,
                row.p50_ns,
                row.p99_ns,
                row.mean_ns / plain.mean_ns
            ))?;
        }
    }
    line(format!("\ncalls per second, {CALLERS} callers, {CALLERS_SIZE} bytes"))?;
    for report in reports {
        line(format!("{:<10} {:>14.0}", report.peer, report.calls_per_second_32_callers))?;
    }
    Ok(())
}

//! What a call costs, by placement, against a plain `dyn` call of the same run.
//!
//! The plugin is the fixture `bare-call`, which answers with the body it was sent; every contender
//! takes a borrowed body and hands back one of its own.
//!
//! * `bare`: the lease, the boundary both ways, and the answer as a value of the host's.
//! * `full`: the same with the call's context, deadline, limit, breaker and metrics.

#[path = "calls/contender.rs"]
mod contender;
#[path = "calls/peers.rs"]
mod peers;

use contender::{Bare, Contender, Full, Named, Plain};
use integration_tests::bench::{
    Arguments, Bounds, Goal, Report, Row, Series, Served, Unit, median,
};
use loader_contract::http_route::{CONTRACT, method};
use loader_core::Placement;
use std::time::Duration;
use tokio::runtime;

const SIZES: [usize; 3] = [64, 1024, 64 * 1024];
const CALLERS: usize = 32;
const CALLERS_SIZE: usize = 1024;
const WARM_UP: Bounds = Bounds { samples: 2000, time: Duration::from_millis(50) };

/// What was measured of one contender.
#[derive(Default)]
struct Measured {
    one_caller: [Series; SIZES.len()],
    calls_per_second: Vec<f64>,
}

fn main() {
    let arguments = Arguments::read();
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // On a worker, where the gateway's own handlers run.
    let report = runtime.block_on(runtime.spawn(measure(arguments))).expect("the benchmark runs");
    report.print(arguments);
}

async fn measure(arguments: Arguments) -> Report {
    let inline = Served::load("bare-call", Placement::Inline).await;
    let thread = Served::load("bare-call", Placement::Thread { threads: 1 }).await;
    let target = |served: &Served| served.target(CONTRACT, method::HANDLE);
    let contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Named::new("dyn", Plain::new())),
        Box::new(Named::new("inline, bare", Bare(target(&inline)))),
        Box::new(Named::new("inline, full", Full::new(target(&inline)))),
        Box::new(Named::new("thread, bare", Bare(target(&thread)))),
        Box::new(Named::new("thread, full", Full::new(target(&thread)))),
    ];
    let measured = take_turns(&contenders, arguments).await;

    let mut report = Report::new("calls", "nanoseconds per call, one caller");
    let plain = &measured[0];
    for (contender, measured) in contenders.iter().zip(&measured).skip(1) {
        for (index, bytes) in SIZES.into_iter().enumerate() {
            let series = &measured.one_caller[index];
            let name = format!("{}, {}", contender.name(), size(bytes));
            let row = Row::new(name, Unit::Nanoseconds, series.typical())
                .spread(series.mean(), series.percentile(0.99))
                .beside("dyn", plain.one_caller[index].typical());
            // The goals are the boundary's; copying 64 KiB is the memory's.
            report.add(match contender.name() {
                "inline, bare" if bytes <= 1024 => row.goal(Goal::AtMost(100.0)),
                "inline, full" if bytes <= 1024 => row.goal(Goal::AtMost(250.0)),
                _ => row,
            });
        }
    }
    for (contender, measured) in contenders.iter().zip(&measured).skip(1) {
        let name = format!("{}, {CALLERS} callers, {}", contender.name(), size(CALLERS_SIZE));
        let row = Row::new(name, Unit::PerSecond("calls"), median(&measured.calls_per_second))
            .beside("dyn", median(&plain.calls_per_second));
        report.add(match contender.name() {
            "thread, full" => row.goal(Goal::AtLeast(1e6)),
            _ => row,
        });
    }
    peers::add_to(&mut report);
    for served in [inline, thread] {
        served.stop().await;
    }
    report
}

async fn take_turns(contenders: &[Box<dyn Contender>], arguments: Arguments) -> Vec<Measured> {
    let rounds = arguments.pick(9, 2);
    let time = Duration::from_millis(arguments.pick(200, 20));
    let bounds = Bounds { samples: 20_000, time };
    let bodies = SIZES.map(body);
    let callers_body = body(CALLERS_SIZE);
    let mut measured: Vec<Measured> = contenders.iter().map(|_| Measured::default()).collect();
    for contender in contenders {
        for body in &bodies {
            contender.check(body).await;
            contender.one_caller(body, WARM_UP).await;
        }
        contender.many_callers(CALLERS, &callers_body, WARM_UP.time).await;
    }
    for _ in 0..rounds {
        for (contender, measured) in contenders.iter().zip(&mut measured) {
            for (body, series) in bodies.iter().zip(&mut measured.one_caller) {
                series.add(contender.one_caller(body, bounds).await);
            }
            let rate = contender.many_callers(CALLERS, &callers_body, time).await;
            measured.calls_per_second.push(rate);
        }
    }
    measured
}

/// A body whose bytes differ from one another, so that a wrong answer cannot pass for a right one.
fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

fn size(bytes: usize) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { format!("{} KiB", bytes / 1024) }
}

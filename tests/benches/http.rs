//! What an HTTP route through a plugin costs, by placement, against the same handler in bare axum.
//!
//! The plugin is the fixture `bare-call`, which echoes the body. `wrk` loads one server after the
//! other with 64 connections on the cores that the server runs on: the ratios of one run count, not
//! the requests per second. A row's ratio is the median of its rounds' ratios.

#[path = "http/wrk.rs"]
mod wrk;

use integration_tests::{
    Home,
    bench::{Arguments, Gateway, Goal, Report, Row, Unit, median},
    process::Running,
};
use std::{path::Path, time::Duration};
use wrk::Load;

fn main() {
    let arguments = Arguments::read();
    let mut report = Report::new("http", "requests per second through one plugin, 64 connections");
    if wrk::is_installed() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(measure(arguments, &mut report));
    } else {
        report.not_run("everything: tests/peers/install");
    }
    report.print(arguments);
}

async fn measure(arguments: Arguments, report: &mut Report) {
    let mut bare = Running::start(Path::new(env!("CARGO_BIN_EXE_bare-axum")), |_| {});
    let bare_url = bare.line().await;
    let inline = gateway("inline").await;
    let thread = gateway("thread").await;
    let urls = [&bare_url, &inline.1.url, &thread.1.url];
    let rounds = arguments.pick(7, 1);
    let time = Duration::from_secs(arguments.pick(2, 1));
    for (name, body) in [("GET", None), ("POST 1 KiB", Some(1024))] {
        let loads = [&inline.1.authorization, &inline.1.authorization, &thread.1.authorization]
            .into_iter()
            .zip(urls)
            .map(|(authorization, url)| {
                Load::new(&format!("{url}/bare-call"), authorization, body)
            });
        let loads: Vec<Load> = loads.collect();
        let mut rates = vec![Vec::new(); loads.len()];
        for load in &loads {
            load.run(Duration::from_secs(1)).await;
        }
        for _ in 0..rounds {
            for (load, rates) in loads.iter().zip(&mut rates) {
                rates.push(load.run(time).await);
            }
        }
        for (index, placement, goal) in [(1, "inline", 0.9), (2, "thread", 0.75)] {
            let ratios: Vec<f64> =
                rates[index].iter().zip(&rates[0]).map(|(rate, bare)| rate / bare).collect();
            report.add(
                Row::new(
                    format!("{placement}, {name}"),
                    Unit::PerSecond("req"),
                    median(&rates[index]),
                )
                .beside("bare axum", median(&rates[0]))
                .ratio(median(&ratios))
                .goal(Goal::RatioAtLeast(goal)),
            );
        }
    }
    for (_home, gateway) in [inline, thread] {
        gateway.stop().await;
    }
}

/// A gateway with `bare-call` in this placement.
async fn gateway(placement: &str) -> (Home, Gateway) {
    let home = Home::new();
    home.add("bare-call");
    let setting = format!("plugins.entries.bare-call.placement={placement}");
    let gateway = Gateway::start(&home, &[&setting]).await;
    (home, gateway)
}

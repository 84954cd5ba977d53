//! What an HTTP route through a plugin costs, by placement, against the same handler in bare axum.
//!
//! The plugin is the fixture `bare-call`, which echoes the body. `wrk` loads one server after the
//! other with 64 connections on the cores that the server runs on: the ratios of one run count, not
//! the requests per second. A row's ratio is the median of its rounds' ratios.

#[path = "http/wrk.rs"]
mod wrk;

use integration_tests::{
    Home,
    bench::{Arguments, Gateway, Goal, Logs, Report, Row, Unit, median},
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

/// Who answers.
struct Server {
    name: &'static str,
    url: String,
    authorization: String,
    /// The least ratio to the baseline; none where there is no goal.
    goal: Option<f64>,
}

async fn measure(arguments: Arguments, report: &mut Report) {
    let mut bare = Running::start(Path::new(env!("CARGO_BIN_EXE_bare-axum")), |_| {});
    let inline = gateway("inline", Logs::Errors).await;
    let thread = gateway("thread", Logs::Errors).await;
    let logging = gateway("inline", Logs::Default).await;
    let server = |name, (_, gateway): &(Home, Gateway), goal| {
        let (url, authorization) = (gateway.url.clone(), gateway.authorization.clone());
        Server { name, url, authorization, goal }
    };
    // Headers of the same length make requests of the same size.
    let authorization = inline.1.authorization.clone();
    let bare = Server { name: "bare axum", url: bare.line().await, authorization, goal: None };
    let servers = [
        bare,
        server("inline", &inline, Some(0.9)),
        server("thread", &thread, Some(0.75)),
        server("inline with its log", &logging, None),
    ];
    let rounds = arguments.pick(5, 1);
    let time = Duration::from_secs(arguments.pick(2, 1));
    for (request, body) in [("GET", None), ("POST 1 KiB", Some(1024))] {
        let load = |server: &Server| {
            Load::new(&format!("{}/bare-call", server.url), &server.authorization, body)
        };
        let loads: Vec<Load> = servers.iter().map(load).collect();
        for load in &loads {
            load.run(Duration::from_secs(1)).await;
        }
        let mut rates = vec![Vec::new(); loads.len()];
        for _ in 0..rounds {
            for (load, rates) in loads.iter().zip(&mut rates) {
                rates.push(load.run(time).await);
            }
        }
        for (server, own) in servers.iter().zip(&rates).skip(1) {
            let ratios: Vec<f64> =
                own.iter().zip(&rates[0]).map(|(own, bare)| own / bare).collect();
            let name = format!("{}, {request}", server.name);
            let row = Row::new(name, Unit::PerSecond("req"), median(own))
                .beside(servers[0].name, median(&rates[0]))
                .ratio(median(&ratios));
            report.add(match server.goal {
                Some(goal) => row.goal(Goal::RatioAtLeast(goal)),
                None => row,
            });
        }
    }
    for (_home, gateway) in [inline, thread, logging] {
        gateway.stop().await;
    }
}

/// A gateway with `bare-call` in this placement.
async fn gateway(placement: &str, logs: Logs) -> (Home, Gateway) {
    let home = Home::new();
    home.add("bare-call");
    let setting = format!("plugins.entries.bare-call.placement={placement}");
    let gateway = Gateway::start(&home, &[&setting], logs).await;
    (home, gateway)
}

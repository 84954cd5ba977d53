//! For scale: Extism, and gRPC over a Unix socket, as `tests/bench-peers` measures them.

use super::size;
use integration_tests::{
    bench::{Report, Row, Unit},
    build,
};
use serde_json::Value;
use std::process::Command;

/// Runs the peers if they are built and adds their figures, each beside the peers' own `dyn`
/// baseline of that run.
pub(crate) fn add_to(report: &mut Report) {
    let program = build::repository().join("tests/bench-peers/target/release/peers");
    if !program.is_file() {
        report.not_run("extism and grpc-uds: scripts/bench --peers");
        return;
    }
    let output = Command::new(program).arg("--json").output().expect("the peers can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let peers: Vec<Value> = serde_json::from_slice(&output.stdout).expect("the peers write JSON");
    let (plain, others) = peers.split_first().expect("the baseline comes first");
    for peer in others {
        let rows = |peer: &Value| peer["rows"].as_array().expect("rows").clone();
        for (row, plain) in rows(peer).iter().zip(rows(plain)) {
            let name = format!("{}, {}", text(peer, "peer"), size(number(row, "bytes") as usize));
            report.add(
                Row::new(name, Unit::Nanoseconds, number(row, "p50_ns"))
                    .spread(number(row, "mean_ns"), number(row, "p99_ns"))
                    .beside("dyn", number(&plain, "p50_ns")),
            );
        }
    }
    for peer in others {
        let name = format!("{}, 32 callers, 1 KiB", text(peer, "peer"));
        let rate = |peer| number(peer, "calls_per_second_32_callers");
        report.add(Row::new(name, Unit::PerSecond("calls"), rate(peer)).beside("dyn", rate(plain)));
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("the peers say no `{key}`"))
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("the peers say no `{key}`"))
}

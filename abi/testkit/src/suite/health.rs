//! `health/1`.

use super::{
    Chapter,
    bench::{Bench, expect_within},
    promise::{Kept, broken, given, promises},
    sample::Sample,
};
use loader_contract::health::{CONTRACT, HealthReport, HealthStatus, method};
use std::time::Duration;

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "reports", "`check` answers a report." => reports;
        "says-why", "A report that is not `pass` says why." => says_why;
        "answers-within-a-second", "`check` answers within a second." => is_quick;
    }),
    sample: |_, _| Sample::Nothing,
    told_by: None,
    safe: Some(method::CHECK),
};

/// How long a check should take at most.
const LIMIT: Duration = Duration::from_secs(1);

async fn report(bench: &Bench) -> Kept<HealthReport> {
    let change = "report what is wrong: `HealthReport::fail(…)`";
    bench.ask_for(method::CHECK, change).await
}

async fn reports(bench: &Bench) -> Kept {
    report(bench).await.map(drop)
}

async fn says_why(bench: &Bench) -> Kept {
    let report = given(report(bench).await)?;
    match report.status != HealthStatus::Pass && report.output.trim().is_empty() {
        false => Ok(()),
        true => broken(
            format!("the report is {:?} and does not say why", report.status),
            "say in `output` what is wrong and what to do: `HealthReport::warn(…)`",
        ),
    }
}

async fn is_quick(bench: &Bench) -> Kept {
    let hint = "answer from what is known, and find out in the background (`host.spawn`)";
    expect_within(LIMIT, "`check`", hint, report(bench)).await
}

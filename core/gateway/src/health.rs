//! One verdict over everything: the IETF draft `health+json`.

use futures_util::future::join_all;
use loader_contract::health::{CONTRACT, HealthReport, HealthStatus, method};
use loader_core::{CallOptions, Capability, Engine, Status, message::Failure};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How long one plugin's check may take; the others' results are kept when it takes longer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// How the gateway and its plugins are.
#[derive(Debug, Clone, Serialize)]
pub struct GatewayHealth {
    /// The worst of the checks: a failing plugin that is not needed is a warning to the whole.
    pub status: HealthStatus,
    /// The program and its version.
    #[serde(rename = "releaseId")]
    pub release: String,
    /// The checks, by plugin.
    pub checks: BTreeMap<String, Vec<HealthReport>>,
}

/// Asks every plugin that can say how it is.
pub(crate) async fn check(engine: &Engine, release: &str) -> GatewayHealth {
    let snapshot = engine.snapshot();
    // Asking one that is dormant would open it.
    let is_open = |capability: &&Arc<Capability>| {
        let record = snapshot.plugin(&capability.plugin);
        record.is_some_and(|record| record.status == Status::Served)
    };
    let asked: Vec<_> = snapshot.capabilities(CONTRACT).filter(is_open).cloned().collect();
    let reports = join_all(asked.iter().map(|capability| ask(engine, &capability.id))).await;
    let mut checks: BTreeMap<String, Vec<HealthReport>> = BTreeMap::new();
    for (capability, report) in asked.iter().zip(reports) {
        let report = report.unwrap_or_else(|failure| {
            HealthReport::fail(format!("{}: {}", failure.code, failure.message))
        });
        checks.entry(capability.plugin.clone()).or_default().push(report);
    }
    for plugin in snapshot.plugins().filter(|plugin| plugin.status == Status::Failed) {
        let first = plugin.diagnostics.iter().find(|diagnostic| diagnostic.is_error());
        let why =
            first.map_or_else(|| "not served".into(), |diagnostic| diagnostic.code.to_owned());
        checks.entry(plugin.id.clone()).or_default().push(HealthReport::fail(why));
    }
    let worst = |verdict| checks.values().flatten().any(|report| report.status == verdict);
    let status = match (worst(HealthStatus::Fail), worst(HealthStatus::Warn)) {
        (true, _) => HealthStatus::Fail,
        (false, true) => HealthStatus::Warn,
        (false, false) => HealthStatus::Pass,
    };
    GatewayHealth { status, release: release.to_owned(), checks }
}

async fn ask(engine: &Engine, id: &str) -> Result<HealthReport, Failure> {
    let target = engine.target(CONTRACT, Some(id), method::CHECK)?;
    let options = CallOptions::by("gateway").within(CHECK_TIMEOUT);
    target.ask(options, &()).await
}

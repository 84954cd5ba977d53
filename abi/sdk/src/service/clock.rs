//! `clock/1`: time and timers, behind [`Host::sleep`] and [`Host::now`].

use crate::{Host, Result};
use loader_contract::service::clock::{Now, SERVICE, Sleep, method};
use std::time::Duration;

pub(crate) async fn now(host: &Host) -> Result<Now> {
    host.call_json(&format!("{SERVICE}/{}", method::NOW), &()).await
}

pub(crate) async fn sleep(host: &Host, duration: Duration) {
    // A sleep fails only when the plugin is being stopped; then there is nothing left to wait for,
    // and the task is dropped at this await.
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let request = Sleep { duration_ms: milliseconds };
    let slept: Result<()> = host.call_json(&format!("{SERVICE}/{}", method::SLEEP), &request).await;
    if slept.is_err() {
        std::future::pending::<()>().await;
    }
}

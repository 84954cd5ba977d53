//! Counts the minutes that the gateway serves.

use loader_sdk::{contract::background_service::ServiceStatus, prelude::*};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

#[cfg(test)]
mod tests;

struct Minutes {
    host: Host,
    work: Arc<Work>,
}

/// What goes on in the background.
#[derive(Default)]
struct Work {
    running: AtomicBool,
    minutes: AtomicU64,
}

impl Plugin for Minutes {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        let work = Arc::new(Work::default());
        Ok(Self { host, work })
    }
}

impl BackgroundService for Minutes {
    async fn start_service(&self, _: Call) -> Result<()> {
        // A fresh generation is started again, and one that runs may be told to start.
        if !self.work.begin() {
            return Ok(());
        }
        let (host, work) = (self.host.clone(), self.work.clone());
        self.host.spawn(async move {
            while work.running.load(Ordering::Relaxed) {
                host.sleep(Duration::from_secs(60)).await;
                work.minutes.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(())
    }

    async fn stop_service(&self, _: Call) -> Result<()> {
        self.work.running.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn service_status(&self, _: Call) -> Result<ServiceStatus> {
        let output = self.work.describe();
        Ok(ServiceStatus { output })
    }
}

impl Work {
    /// Whether it was not running already.
    fn begin(&self) -> bool {
        !self.running.swap(true, Ordering::Relaxed)
    }

    fn describe(&self) -> String {
        format!("{} minutes", self.minutes.load(Ordering::Relaxed))
    }
}

export_plugin! {
    plugin: Minutes,
    id: "{{name}}",
    provides: [background_service: "{{name}}"],
}

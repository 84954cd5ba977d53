// A service that counts the seconds while it runs.

use loader_sdk::{
    futures::future::{AbortHandle, Abortable},
    prelude::*,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

struct Seconds {
    host: Host,
    counted: Arc<AtomicU64>,
    /// What goes on; `None` while nothing does.
    work: Mutex<Option<AbortHandle>>,
}

impl Seconds {
    fn work(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plugin for Seconds {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host, counted: Arc::default(), work: Mutex::default() })
    }
}

impl BackgroundService for Seconds {
    // Returns at once: what goes on is a task.
    async fn start_service(&self, _: Call) -> Result<()> {
        let (handle, registration) = AbortHandle::new_pair();
        // One that works may be told to start: there must not be two.
        if let Some(before) = self.work().replace(handle) {
            before.abort();
        }
        let counting = count(self.host.clone(), self.counted.clone());
        let counting = Abortable::new(counting, registration);
        self.host.spawn(async move {
            let _ = counting.await;
        });
        Ok(())
    }

    async fn stop_service(&self, _: Call) -> Result<()> {
        if let Some(work) = self.work().take() {
            work.abort();
        }
        Ok(())
    }

    // The manifest lists it under `methods`: not every service has it.
    async fn service_status(&self, _: Call) -> Result<ServiceStatus> {
        let output = format!("{} seconds", self.counted.load(Ordering::Relaxed));
        Ok(ServiceStatus { output })
    }
}

async fn count(host: Host, counted: Arc<AtomicU64>) {
    loop {
        host.sleep(Duration::from_secs(1)).await;
        counted.fetch_add(1, Ordering::Relaxed);
    }
}

export_plugin! {
    plugin: Seconds,
    id: "seconds",
    provides: [background_service: "seconds"],
}

//! Counts the minutes that the gateway serves.

use loader_sdk::{
    futures::future::{AbortHandle, AbortRegistration, Abortable},
    prelude::*,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
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
    /// Ends the task; `None` while there is none.
    task: Mutex<Option<AbortHandle>>,
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
        let Some(registration) = self.work.begin() else {
            return Ok(());
        };
        let counting = count(self.host.clone(), self.work.clone());
        let counting = Abortable::new(counting, registration);
        self.host.spawn(async move {
            let _ = counting.await;
        });
        Ok(())
    }

    async fn stop_service(&self, _: Call) -> Result<()> {
        self.work.end();
        Ok(())
    }

    async fn service_status(&self, _: Call) -> Result<ServiceStatus> {
        let output = self.work.describe();
        Ok(ServiceStatus { output })
    }
}

/// Goes on until it is ended.
async fn count(host: Host, work: Arc<Work>) {
    loop {
        host.sleep(Duration::from_secs(60)).await;
        work.minutes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Work {
    /// What ends the task that is to begin; nothing if one goes on already.
    fn begin(&self) -> Option<AbortRegistration> {
        let mut task = self.task();
        if task.is_some() {
            return None;
        }
        let (handle, registration) = AbortHandle::new_pair();
        *task = Some(handle);
        Some(registration)
    }

    /// Ends the task where it stands, also in the middle of a minute.
    fn end(&self) {
        if let Some(task) = self.task().take() {
            task.abort();
        }
    }

    fn task(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
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

// A task that notes when it ran, and throws away notes that are older than a week.

use loader_sdk::{
    contract::{scheduled_task::Run, service::kv::List},
    prelude::*,
};

/// A week.
const KEPT_MS: u64 = 7 * 24 * 3_600_000;

struct Diary {
    host: Host,
}

impl Plugin for Diary {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host })
    }
}

impl ScheduledTask for Diary {
    // When it runs is in the manifest. An error is counted and told; the next run comes in its time.
    async fn run_task(&self, _: Call, run: Run) -> Result<RunReport> {
        let (now, notes) = (self.host.now().await?.unix_ms, self.host.kv());
        notes.put(&key(now), format!("run {}", run.number)).await?;
        let mut thrown_away = 0;
        for old in notes.list(&List::default()).await?.keys {
            if old < key(now.saturating_sub(KEPT_MS)) {
                notes.delete(&old).await?;
                thrown_away += 1;
            }
        }
        Ok(RunReport { output: format!("{thrown_away} old notes thrown away") })
    }
}

/// Keys are in the order of time.
fn key(unix_ms: u64) -> String {
    format!("{unix_ms:020}")
}

export_plugin! {
    plugin: Diary,
    id: "diary",
    provides: [scheduled_task: "diary.note"],
}

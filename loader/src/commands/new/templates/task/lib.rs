//! Takes note every hour of how often it ran, in the plugin's own store.

use loader_sdk::{contract::scheduled_task::Run, prelude::*};

#[cfg(test)]
mod tests;

/// The key of the store.
const KEY: &str = "runs";

struct Notes {
    host: Host,
}

impl Plugin for Notes {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host })
    }
}

impl ScheduledTask for Notes {
    async fn run_task(&self, _: Call, _: Run) -> Result<RunReport> {
        let before = self.host.kv().get(KEY).await?;
        let runs = next(before.as_deref());
        self.host.kv().put(KEY, runs.to_string()).await?;
        let output = format!("run {runs}");
        Ok(RunReport { output })
    }
}

/// The number after the one in the store; what makes no sense counts as nothing.
fn next(before: Option<&[u8]>) -> u64 {
    let text = before.and_then(|value| std::str::from_utf8(value).ok());
    let number = text.and_then(|text| text.parse::<u64>().ok());
    number.unwrap_or_default().saturating_add(1)
}

export_plugin! {
    plugin: Notes,
    id: "{{name}}",
    provides: [scheduled_task: "{{name}}"],
}

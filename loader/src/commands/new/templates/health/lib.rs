//! Says whether what is stored can be read again.

use loader_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// The key of the store.
const KEY: &str = "health";

struct Store {
    host: Host,
}

impl Plugin for Store {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host })
    }
}

impl Health for Store {
    // An error would say that the check itself is broken.
    async fn check(&self, _: Call) -> Result<HealthReport> {
        let written = self.host.now().await?.unix_ms.to_string();
        if let Err(error) = self.host.kv().put(KEY, written.clone()).await {
            return Ok(HealthReport::fail(format!("nothing can be stored: {error}")));
        }
        let read = self.host.kv().get(KEY).await?;
        Ok(report(written.as_bytes(), read.as_deref()))
    }
}

/// What there is to say of what was written and what was read. One that is not well says why.
fn report(written: &[u8], read: Option<&[u8]>) -> HealthReport {
    match read {
        Some(read) if read == written => HealthReport::pass(),
        Some(_) => HealthReport::warn("something else was read than was stored"),
        None => HealthReport::fail("what was stored is gone"),
    }
}

export_plugin! {
    plugin: Store,
    id: "{{name}}",
    provides: [health: "{{name}}"],
}

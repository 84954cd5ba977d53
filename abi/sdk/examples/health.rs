// Says how the plugin is: here, whether what it stores can be read again.

use loader_sdk::prelude::*;

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
    // An answer within a second, whatever it is; an error would say that the check itself is broken.
    async fn check(&self, _: Call) -> Result<HealthReport> {
        let written = self.host.now().await?.unix_ms.to_string();
        if let Err(error) = self.host.kv().put(KEY, written.clone()).await {
            return Ok(HealthReport::fail(format!("nothing can be stored: {error}")));
        }
        Ok(match self.host.kv().get(KEY).await? {
            Some(read) if read == written.into_bytes() => HealthReport::pass(),
            _ => HealthReport::warn("what was stored is not there; see the log of the gateway"),
        })
    }
}

export_plugin! {
    plugin: Store,
    id: "store",
    provides: [health: "store"],
}

// The id is what the host and the manifest know the plugin by.
use loader_sdk::prelude::*;

struct Hello;

impl Plugin for Hello {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

export_plugin! {
    plugin: Hello,
    provides: [],
}

fn main() {}

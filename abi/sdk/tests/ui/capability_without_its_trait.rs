// `provides` names a capability whose trait the plugin does not implement.
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
    id: "hello",
    provides: [http_route: "hello"],
}

fn main() {}

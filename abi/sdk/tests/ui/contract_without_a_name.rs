// A contract of one's own has a name, which `provides` must say.
use loader_sdk::prelude::*;

struct Shout;

impl Plugin for Shout {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Custom for Shout {
    async fn call(&self, _: Call, request: Request) -> Result<Answer> {
        Err(request.unknown())
    }
}

export_plugin! {
    plugin: Shout,
    id: "shout",
    provides: [contract: "shout"],
}

fn main() {}

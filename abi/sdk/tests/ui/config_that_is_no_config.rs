// A configuration is read from the operator's file, which needs `#[config]`.
use loader_sdk::prelude::*;

#[derive(Default)]
struct HelloConfig {
    greeting: String,
}

struct Hello(HelloConfig);

impl Plugin for Hello {
    type Config = HelloConfig;

    async fn start(_: Host, config: HelloConfig) -> Result<Self> {
        Ok(Self(config))
    }
}

fn main() {}

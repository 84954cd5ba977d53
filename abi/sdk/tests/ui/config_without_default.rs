// Keys that are missing take the values of `Default`, so a configuration must have it.
use loader_sdk::prelude::*;

#[config]
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

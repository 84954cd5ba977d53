// Two plugins in one library, one of them with two contracts of its own.
use loader_sdk::prelude::*;

struct Hello;

impl Plugin for Hello {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Health for Hello {
    async fn check(&self, _: Call) -> Result<HealthReport> {
        Ok(HealthReport::pass())
    }
}

impl Custom for Hello {
    async fn call(&self, _: Call, request: Request) -> Result<Answer> {
        match (request.contract(), request.method()) {
            ("shout/1", "shout") => Answer::json(&request.json::<String>()?.to_uppercase()),
            ("whisper/1", "whisper") => Answer::json(&request.json::<String>()?.to_lowercase()),
            _ => Err(request.unknown()),
        }
    }
}

struct Quiet;

impl Plugin for Quiet {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

export_plugin! {
    plugin: Hello,
    id: "hello",
    provides: [health: "hello", contract "shout/1": "loud", contract "whisper/1": "soft"];
    plugin: Quiet,
    id: "quiet",
    provides: [],
}

fn main() {}

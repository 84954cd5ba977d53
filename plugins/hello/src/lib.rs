//! Says hello over HTTP: the tutorial's plugin.

use loader_sdk::prelude::*;

/// What an operator may set under `plugins.entries.hello.config`.
#[config]
struct HelloConfig {
    /// The word before the name.
    greeting: String,
}

impl Default for HelloConfig {
    fn default() -> Self {
        Self { greeting: "hello".into() }
    }
}

struct Hello {
    config: HelloConfig,
}

impl Plugin for Hello {
    type Config = HelloConfig;

    async fn start(_: Host, config: HelloConfig) -> Result<Self> {
        info!(greeting = config.greeting, "ready to greet");
        Ok(Self { config })
    }
}

impl HttpRoute for Hello {
    async fn handle(&self, _: Call, request: HttpRequest) -> Result<HttpResponse> {
        let name = request.path().trim_matches('/');
        let name = if name.is_empty() { "world" } else { name };
        Ok(HttpResponse::text(format!("{}, {name}\n", self.config.greeting)))
    }
}

impl Health for Hello {
    async fn check(&self, _: Call) -> Result<HealthReport> {
        Ok(HealthReport::pass())
    }
}

export_plugin! {
    plugin: Hello,
    id: "hello",
    provides: [http_route: "hello", health: "hello"],
}

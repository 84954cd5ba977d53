//! Answers HTTP requests below `/{{name}}`.

use loader_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// What an operator may set under `plugins.entries.{{name}}.config`.
#[config]
struct Settings {
    /// The word before the name.
    greeting: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            greeting: "hello".into(),
        }
    }
}

struct Route {
    settings: Settings,
}

impl Plugin for Route {
    type Config = Settings;

    async fn start(_: Host, settings: Settings) -> Result<Self> {
        Ok(Self { settings })
    }
}

impl HttpRoute for Route {
    async fn handle(&self, _: Call, request: HttpRequest) -> Result<HttpResponse> {
        Ok(HttpResponse::text(answer(&self.settings, request.path())))
    }
}

/// The answer to a path, which begins with `/`.
fn answer(settings: &Settings, path: &str) -> String {
    let name = path.trim_matches('/');
    let name = if name.is_empty() { "world" } else { name };
    format!("{}, {name}\n", settings.greeting)
}

export_plugin! {
    plugin: Route,
    id: "{{name}}",
    provides: [http_route: "{{name}}"],
}

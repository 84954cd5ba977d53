// `provides` names a capability that does not exist.
use loader_sdk::prelude::*;

struct Hello;

impl Plugin for Hello {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl HttpRoute for Hello {
    async fn handle(&self, _: Call, _: HttpRequest) -> Result<HttpResponse> {
        Ok(HttpResponse::text("hello"))
    }
}

export_plugin! {
    plugin: Hello,
    id: "hello",
    provides: [http_rout: "hello"],
}

fn main() {}

// A plugin's futures move between threads, so nothing that may not do so can be held over an await.
use loader_sdk::prelude::*;
use std::{rc::Rc, time::Duration};

struct Hello(Host);

impl Plugin for Hello {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self(host))
    }
}

impl HttpRoute for Hello {
    async fn handle(&self, _: Call, _: HttpRequest) -> Result<HttpResponse> {
        let greeting = Rc::new("hello");
        self.0.sleep(Duration::from_millis(1)).await;
        Ok(HttpResponse::text(*greeting))
    }
}

fn main() {}

// Answers HTTP requests below `/sum`: `/sum/1/2/3` is 6, and so is a list of numbers that is posted.

use loader_sdk::prelude::*;

struct Sums;

impl Plugin for Sums {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl HttpRoute for Sums {
    async fn handle(&self, _: Call, request: HttpRequest) -> Result<HttpResponse> {
        let numbers = match request.method() {
            "GET" | "HEAD" => numbers(request.path()),
            "POST" => request.json().ok(),
            _ => return Ok(HttpResponse::new(405).header("allow", "GET, HEAD, POST")),
        };
        match numbers {
            Some(numbers) => HttpResponse::json(&numbers.iter().sum::<f64>()),
            // What the client can do better is an answer too.
            None => Ok(HttpResponse::new(400).body("those are no numbers\n")),
        }
    }
}

/// The numbers in a path, which begins with `/`. Where the plugin is mounted is not part of it.
fn numbers(path: &str) -> Option<Vec<f64>> {
    path.split('/').filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
}

export_plugin! {
    plugin: Sums,
    id: "sums",
    provides: [http_route: "sums"],
}

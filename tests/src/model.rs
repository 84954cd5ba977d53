//! An OpenAI-compatible server on loopback whose model says what a test lets it say, and which keeps
//! what it was asked.

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use futures_util::stream;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// What a model says to one request: text in pieces, then calls of tools.
#[derive(Debug, Clone, Default)]
pub struct Said {
    text: Vec<String>,
    calls: Vec<(String, String)>,
}

impl Said {
    /// Text, in these pieces when it is streamed.
    pub fn text(pieces: &[&str]) -> Self {
        Self { text: pieces.iter().copied().map(str::to_owned).collect(), calls: Vec::new() }
    }

    /// And a call of a tool with these arguments, as the model writes them.
    #[must_use]
    pub fn calling(mut self, tool: &str, arguments: &str) -> Self {
        self.calls.push((tool.to_owned(), arguments.to_owned()));
        self
    }

    fn finish(&self) -> &'static str {
        if self.calls.is_empty() { "stop" } else { "tool_calls" }
    }

    fn call(index: usize, (name, arguments): &(String, String)) -> Value {
        json!({
            "index": index, "id": format!("call_{index}"), "type": "function",
            "function": { "name": name, "arguments": arguments },
        })
    }

    fn whole(&self) -> Value {
        let calls: Vec<Value> =
            self.calls.iter().enumerate().map(|(index, call)| Self::call(index, call)).collect();
        let mut message = json!({ "role": "assistant", "content": self.text.concat() });
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "scripted",
            "choices": [{ "index": 0, "message": message, "finish_reason": self.finish() }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12 },
        })
    }

    /// The chunks. The arguments of a call come after its name, in two pieces.
    fn chunks(&self) -> Vec<String> {
        let chunk = |choices: Value, usage: Value| {
            let chunk = json!({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0,
                "model": "scripted", "choices": choices, "usage": usage,
            });
            format!("data: {chunk}\n\n")
        };
        let delta = |delta: Value| {
            chunk(json!([{ "index": 0, "delta": delta, "finish_reason": null }]), Value::Null)
        };
        let mut chunks = vec![delta(json!({ "role": "assistant", "content": "" }))];
        chunks.extend(self.text.iter().map(|text| delta(json!({ "content": text }))));
        for (index, (name, arguments)) in self.calls.iter().enumerate() {
            let begun = Self::call(index, &(name.clone(), String::new()));
            chunks.push(delta(json!({ "tool_calls": [begun] })));
            let (one, other) = arguments.split_at(arguments.len() / 2);
            for piece in [one, other] {
                let more = json!({ "index": index, "function": { "arguments": piece } });
                chunks.push(delta(json!({ "tool_calls": [more] })));
            }
        }
        let end = json!([{ "index": 0, "delta": {}, "finish_reason": self.finish() }]);
        chunks.push(chunk(end, Value::Null));
        let usage = json!({ "prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12 });
        chunks.push(chunk(json!([]), usage));
        chunks.push("data: [DONE]\n\n".to_owned());
        chunks
    }
}

type Script = dyn Fn(&Value) -> Said + Send + Sync;

/// The server. It ends with the test.
pub struct Model {
    /// Its address up to and including the version.
    pub url: String,
    asked: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

struct Shared {
    script: Box<Script>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Model {
    /// Starts a server whose model answers each request as the script says.
    pub async fn start(script: impl Fn(&Value) -> Said + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { script: Box::new(script), asked: asked.clone() });
        let models =
            Json(json!({ "object": "list", "data": [{ "id": "scripted", "object": "model" }] }));
        let router = Router::new()
            .route("/v1/models", get(async move || models))
            .route("/v1/chat/completions", post(complete))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("its address"));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, asked, task }
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn complete(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).expect("a request is JSON");
    shared.asked.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(request.clone());
    let said = (shared.script)(&request);
    if request["stream"] != true {
        return Json(said.whole()).into_response();
    }
    let chunks = stream::iter(said.chunks().into_iter().map(Ok::<_, Infallible>));
    let mut response = Response::new(Body::from_stream(chunks));
    let kind = axum::http::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

//! A model server that gives every question the same answer, and keeps what it was asked.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// What it answers.
pub const ANSWER: &str = "Fine.";

/// A server on loopback, in OpenAI's format. It ends with the test.
pub struct ModelServer {
    /// Its address, up to and including the version.
    pub url: String,
    asked: Asked,
}

type Asked = Arc<Mutex<Vec<Bytes>>>;

impl ModelServer {
    /// Starts one.
    pub async fn start() -> Self {
        let asked = Asked::default();
        let router = Router::new().route("/v1/chat/completions", post(answer));
        let router = router.with_state(asked.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked }
    }

    /// The bodies of the requests since the last look, byte for byte.
    pub fn asked(&self) -> Vec<Bytes> {
        std::mem::take(&mut *self.asked.lock().expect("nothing panics while it is held"))
    }
}

async fn answer(State(asked): State<Asked>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).expect("a request");
    asked.lock().expect("nothing panics while it is held").push(body);
    let about = |object: &str, said: &str| {
        let choice = json!({ "index": 0, said: { "role": "assistant", "content": ANSWER },
            "finish_reason": "stop" });
        json!({ "id": "answer", "object": object, "created": 0, "model": request["model"],
            "choices": [choice] })
    };
    if request["stream"] == true {
        let chunk = about("chat.completion.chunk", "delta");
        let events = format!("data: {chunk}\n\ndata: [DONE]\n\n");
        return ([(CONTENT_TYPE, "text/event-stream")], events).into_response();
    }
    let whole = about("chat.completion", "message").to_string();
    ([(CONTENT_TYPE, "application/json")], whole).into_response()
}

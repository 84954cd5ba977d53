//! The OpenAI-compatible server: its routes, and the way from a request to a reply.
//!
//! `POST /v1/chat/completions` looks the model's name up among the [`Behaviour`]s, which says what
//! to send as a [`reply::Reply`]: a status and a script of steps. `GET /v1/models` lists them.

mod answer;
mod behaviour;
mod event_log;
mod reply;
mod request;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub use behaviour::Behaviour;
pub use event_log::EventLog;

use event_log::Received;
use reply::Reply;
use request::ChatRequest;

/// One server: its log and what it remembers between requests.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    log: EventLog,
    /// The `user` values that have had their one 429 from [`Behaviour::RateLimitedOnce`].
    limited_users: Mutex<HashSet<String>>,
    /// Notified at each request, for [`Server::idle_for`].
    activity: Notify,
}

impl Server {
    /// Makes a server that writes its events to `log`.
    pub fn new(log: EventLog) -> Self {
        let shared = Shared { log, limited_users: Mutex::default(), activity: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// The routes, to be served on a loopback socket or called in place.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/models", get(list_models))
            .route("/v1/chat/completions", post(complete_chat))
            .with_state(self.clone())
    }

    /// Waits until no chat request has come for `limit`.
    pub async fn idle_for(&self, limit: Duration) {
        while tokio::time::timeout(limit, self.shared.activity.notified()).await.is_ok() {}
    }

    /// Whether this is the first request of `user`, which is remembered.
    fn is_first_request_of(&self, user: &str) -> bool {
        let mut users = self.shared.limited_users.lock().expect("no panic while it is held");
        users.insert(user.to_owned())
    }

    /// Decides what to send for a request.
    fn reply_to(&self, request: &ChatRequest) -> Reply {
        match Behaviour::of_model(&request.model) {
            Some(Behaviour::RateLimitedOnce) if self.is_first_request_of(&request.user) => {
                Reply::rate_limited(Duration::ZERO)
            }
            Some(behaviour) => behaviour.reply_to(request),
            None => Reply::unknown_model(&request.model),
        }
    }
}

async fn list_models() -> Json<Value> {
    let models = Behaviour::ALL.map(
        |behaviour| json!({ "id": behaviour.model(), "object": "model", "owned_by": "tests" }),
    );
    Json(json!({ "object": "list", "data": models }))
}

async fn complete_chat(
    State(server): State<Server>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, (StatusCode, Json<Value>)> {
    server.shared.activity.notify_one();
    let request: ChatRequest = serde_json::from_slice(&body).map_err(|error| {
        let body = reply::error_body(&error.to_string(), "invalid_request_error", None);
        (StatusCode::BAD_REQUEST, Json(body))
    })?;
    let exchange = server.shared.log.open_exchange(&Received {
        model: &request.model,
        stream: request.stream,
        authorization: headers.contains_key(AUTHORIZATION),
        tools: request.tools.len(),
        messages: request.messages.len(),
    });
    Ok(server.reply_to(&request).play(exchange).await)
}

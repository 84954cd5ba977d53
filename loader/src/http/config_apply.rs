//! `POST /admin/config/apply`: what `loader config apply` asks for.

use axum::body::{Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::Response;
use loader_abi::class;
use loader_core::message::Failure;
use loader_gateway::Applied;
use loader_gateway::openai::Complaint;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::fault::{Fault, json};
use super::{Backend, Edge, Inner, body};
use crate::finding::Finding;

/// As many wishes may wait for the one that is being done.
const WAITING: usize = 16;

/// A wish for the configuration to be read again.
pub(crate) struct Wish {
    /// Whether only to say what would be done.
    pub(crate) dry_run: bool,
    /// Takes what was done, or why the configuration cannot be used.
    pub(crate) answer: oneshot::Sender<Result<Applied, Vec<Finding>>>,
}

/// What a request may say.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    dry_run: bool,
}

impl<B: Backend> Edge<B> {
    /// The wishes that come in from now on; for one taker.
    pub(crate) fn wishes(&self) -> mpsc::Receiver<Wish> {
        let (sender, receiver) = mpsc::channel(WAITING);
        // A second taker gets none.
        let _ = self.0.wishes.set(sender);
        receiver
    }
}

impl<B: Backend> Inner<B> {
    /// Has the configuration read again, and waits for what comes of it.
    pub(super) async fn apply_config<R>(&self, body: R) -> Result<Response, Fault>
    where
        R: HttpBody<Data = Bytes> + Unpin + Send,
    {
        let limits = self.policy.load().body;
        let body = body::read(body, limits).await?;
        let Asked { dry_run } = match body.is_empty() {
            true => Asked::default(),
            false => serde_json::from_slice(&body).map_err(|_| nonsense())?,
        };
        let (answer, answered) = oneshot::channel();
        let wishes = self.wishes.get().ok_or_else(not_now)?;
        wishes.send(Wish { dry_run, answer }).await.map_err(|_| not_now())?;
        let (status, body) = match answered.await.map_err(|_| not_now())? {
            Ok(applied) => (StatusCode::OK, json!(applied)),
            Err(errors) => (StatusCode::UNPROCESSABLE_ENTITY, json!({ "errors": errors })),
        };
        Ok(json(status, body.to_string().into_bytes()))
    }
}

fn nonsense() -> Complaint {
    let message = "the body is neither empty nor `{\"dry_run\": true}` or the like";
    let failure = Failure::new(class::INVALID, "LDR-CFG-WISH", message).hint("send nothing");
    Complaint::new(400, "invalid_request", failure)
}

fn not_now() -> Failure {
    let message = "the gateway is starting or stopping and does not change its configuration now";
    Failure::new(class::UNAVAILABLE, "LDR-CFG-NOT-NOW", message).hint("try again in a moment")
}

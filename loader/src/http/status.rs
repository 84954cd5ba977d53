//! `GET /admin/status`: what `loader status` shows.

use axum::http::StatusCode;
use axum::response::Response;

use super::fault::json;
use super::{Backend, Inner};

impl<B: Backend> Inner<B> {
    /// How everything is doing, for who has the token. No plugin is asked.
    pub(super) fn status(&self) -> Response {
        let body = serde_json::to_vec(&self.backend.status());
        json(StatusCode::OK, body.expect("a status always becomes JSON"))
    }
}

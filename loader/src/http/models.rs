//! `GET /v1/models`.

use axum::http::StatusCode;
use axum::response::Response;
use loader_gateway::openai::model_list;

use super::fault::{Fault, json};
use super::{Backend, Inner};

impl<B: Backend> Inner<B> {
    pub(super) async fn models(&self) -> Result<Response, Fault> {
        let models = self.within_timeout(self.backend.models()).await??;
        Ok(json(StatusCode::OK, model_list(&models)))
    }
}

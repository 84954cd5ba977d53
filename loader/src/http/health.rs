//! `GET /health`: the IETF draft `health+json`.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use loader_contract::health::HealthStatus;
use serde_json::json;

use super::fault::{Fault, json};
use super::{Backend, Inner};

impl<B: Backend> Inner<B> {
    /// Whether all is well, or was a moment ago, for anybody.
    pub(super) async fn health_status(&self) -> Result<Response, Fault> {
        let status = self.within_timeout(self.verdict.ask(&self.backend)).await?;
        Ok(respond(status, json!({ "status": status }).to_string().into()))
    }

    /// How everything is, for who has the token.
    pub(super) async fn health_details(&self) -> Result<Response, Fault> {
        let health = self.within_timeout(self.backend.health()).await?;
        let body = serde_json::to_vec(&health).expect("a health report always becomes JSON");
        Ok(respond(health.status, body))
    }
}

fn respond(status: HealthStatus, body: Vec<u8>) -> Response {
    let code = match status {
        HealthStatus::Pass | HealthStatus::Warn => StatusCode::OK,
        HealthStatus::Fail => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = json(code, body);
    let kind = HeaderValue::from_static("application/health+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

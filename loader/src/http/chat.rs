//! `POST /v1/chat/completions`.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::{Bytes, HttpBody};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use loader_contract::text_inference::GenerateRequest;
use loader_core::message::Failure;
use loader_gateway::openai::{ChatRequest, Chunks, Heading, completion};

use super::backend::Events as _;
use super::fault::{Fault, json};
use super::{Backend, Inner, Visit, body, event_body};

impl<B: Backend> Inner<B> {
    pub(super) async fn chat<R>(&self, visit: Visit<'_>, body: R) -> Result<Response, Fault>
    where
        R: HttpBody<Data = Bytes> + Unpin + Send,
    {
        let limits = self.policy.load().body;
        let body = body::read(body, limits).await?;
        let request = ChatRequest::parse(&body)?;
        drop(body);
        let heading = self.heading(request.model);
        if request.stream {
            self.stream(visit, heading, request.include_usage, request.generate).await
        } else {
            let options = self.call_options(visit);
            let answer = self.backend.generate(options, &heading.model, request.generate);
            let response = self.within_timeout(answer).await??;
            Ok(json(StatusCode::OK, completion(&heading, &response)))
        }
    }

    /// Waits for the first event, so that what fails before it is an ordinary error.
    async fn stream(
        &self,
        visit: Visit<'_>,
        heading: Heading,
        include_usage: bool,
        request: GenerateRequest,
    ) -> Result<Response, Fault> {
        let options = self.call_options(visit);
        let deadline = options.deadline;
        let begin = async {
            let mut events = self.backend.stream(options, &heading.model, request).await?;
            let first = events.next().await.unwrap_or_else(|| Err(event_body::cut_off()))?;
            Ok::<_, Failure>((events, first))
        };
        let (events, first) = match deadline {
            None => begin.await?,
            Some(deadline) => tokio::time::timeout_at(deadline.into(), begin)
                .await
                .unwrap_or_else(|_| Err(Failure::deadline()))?,
        };
        let chunks = Chunks::new(heading, include_usage);
        let mut response = Response::new(event_body::new(events, first, chunks, visit.began));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }

    fn heading(&self, model: String) -> Heading {
        let unique = self.request_ids.unique();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Heading {
            id: format!("chatcmpl-{}", String::from_utf8_lossy(&unique)),
            created: since.as_secs(),
            model: match model.is_empty() {
                true => self.policy.load().default_model.clone(),
                false => model,
            },
        }
    }
}

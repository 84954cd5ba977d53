//! `/admin/reloads`, `/admin/plugins/<id>/reload` and `/admin/events`: replacing plugins from outside.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /admin/plugins/<id>/reload` | the reload: as it is, or as [`Asked`] says how long to wait |
//! | `GET /admin/reloads` | every reload that is remembered, the oldest first |
//! | `GET /admin/reloads/<number>?wait=published` | one of them; `decided` and `over` wait longer |
//! | `GET /admin/events` | server-sent events: a reload after each of its steps |

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use loader_abi::class;
use loader_core::ReloadRequest;
use loader_core::message::Failure;
use loader_core::reload::{Cause, Reload};
use loader_gateway::openai::Complaint;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use super::fault::{Allowed, Fault, json};
use super::{Backend, Inner, body};

const RELOADS: &str = "/admin/reloads/";
const PLUGINS: &str = "/admin/plugins/";

/// A wish that makes sense.
const EXAMPLE: &str =
    r#"nothing, or some of {"window_ms": 5000, "discard_state": false, "wait": "decided"}"#;

/// What a request for a reload may say. Everything may be left out.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    /// How long the fresh generation is watched, in milliseconds.
    window_ms: Option<u64>,
    /// Whether state that the fresh generation cannot read may be lost.
    discard_state: bool,
    /// How long the answer waits.
    wait: Wait,
}

/// How long an answer waits.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Wait {
    /// Not at all.
    #[default]
    None,
    /// Until the fresh generation serves, or will not.
    Published,
    /// Until it is known which generation serves from now on.
    Decided,
    /// Until nothing is left to do.
    Over,
}

/// Whether a path is one of those that [`Inner::reload`] answers.
pub(super) fn is_below(path: &str) -> bool {
    path.starts_with(RELOADS) || path.starts_with(PLUGINS)
}

impl<B: Backend> Inner<B> {
    /// The reloads there were.
    pub(super) fn reloads(&self) -> Response {
        json(StatusCode::OK, bytes(&self.backend.reloads().list()))
    }

    /// Begins a reload, or tells of one.
    pub(super) async fn reload<R>(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
        body: R,
    ) -> Result<Response, Fault>
    where
        R: HttpBody<Data = Bytes> + Unpin + Send,
    {
        if let Some(number) = path.strip_prefix(RELOADS) {
            if !matches!(*method, Method::GET | Method::HEAD) {
                return Err(Fault::method(Allowed::Get));
            }
            let number = number.parse().map_err(|_| Fault::no_route(path))?;
            return self.tell(number, wait_of(query)?).await;
        }
        let plugin = path.strip_prefix(PLUGINS).and_then(|rest| rest.strip_suffix("/reload"));
        let Some(plugin) = plugin else { return Err(Fault::no_route(path)) };
        if *method != Method::POST {
            return Err(Fault::method(Allowed::Post));
        }
        let limits = self.policy.load().body;
        let body = body::read(body, limits).await?;
        let asked: Asked = if body.is_empty() { Asked::default() } else { parse(&body)? };
        let request = ReloadRequest {
            cause: Cause::Requested,
            window: asked.window_ms.map(Duration::from_millis),
            discard_state: asked.discard_state,
        };
        let number = self.backend.reload(plugin, request).map_err(|finding| {
            let failure = Failure::new(class::NOT_FOUND, finding.code, finding.message)
                .hint(finding.hint.unwrap_or_default());
            Fault::from(Complaint::new(404, "unknown_plugin", failure))
        })?;
        self.tell(number, asked.wait).await
    }

    async fn tell(&self, number: u64, wait: Wait) -> Result<Response, Fault> {
        let ledger = self.backend.reloads();
        let reload = async {
            match wait {
                Wait::None => ledger.get(number),
                Wait::Published => ledger.published(number).await,
                Wait::Decided => ledger.decided(number).await,
                Wait::Over => ledger.over(number).await,
            }
        };
        let reload = self.within_timeout(reload).await?.ok_or_else(|| {
            let message = format!("no reload {number} is remembered");
            let failure = Failure::new(class::NOT_FOUND, "LDR-RELOAD-NUMBER", message)
                .hint("loader reloads list");
            Fault::from(Complaint::new(404, "unknown_reload", failure))
        })?;
        Ok(json(StatusCode::OK, bytes(&reload)))
    }

    /// Every change from now on, until the edge ends. A client that is too slow misses some, and is told.
    pub(super) fn reload_events(&self) -> Response {
        let changes = self.backend.reloads().changes();
        let mut ends = self.ends.subscribe();
        let end = async move { drop(ends.wait_for(|ends| *ends).await) };
        let events = stream::unfold(changes, async |mut changes| {
            let event = match changes.recv().await {
                Ok(reload) => event("reload", &reload),
                Err(RecvError::Lagged(missed)) => format!("event: missed\ndata: {missed}\n\n"),
                Err(RecvError::Closed) => return None,
            };
            Some((Ok::<_, Infallible>(Bytes::from(event)), changes))
        });
        let mut response = Response::new(Body::from_stream(events.take_until(end)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn event(kind: &str, reload: &Reload) -> String {
    format!("event: {kind}\ndata: {}\n\n", String::from_utf8_lossy(&bytes(reload)))
}

fn bytes(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("what the ledger says always becomes JSON")
}

fn wait_of(query: Option<&str>) -> Result<Wait, Fault> {
    match query {
        None | Some("") => Ok(Wait::None),
        Some("wait=published") => Ok(Wait::Published),
        Some("wait=decided") => Ok(Wait::Decided),
        Some("wait=over") => Ok(Wait::Over),
        Some(other) => {
            let message = format!("the query `{}` makes no sense", other.escape_debug());
            Err(invalid(message, "nothing, ?wait=published, ?wait=decided or ?wait=over"))
        }
    }
}

fn parse(body: &[u8]) -> Result<Asked, Fault> {
    serde_json::from_slice(body)
        .map_err(|error| invalid(format!("the wish makes no sense: {error}"), EXAMPLE))
}

fn invalid(message: String, sensible: &str) -> Fault {
    let hint = format!("send {sensible}");
    let failure = Failure::new(class::INVALID, "LDR-RELOAD-WISH", message).hint(hint);
    Complaint::new(400, "invalid_request", failure).into()
}

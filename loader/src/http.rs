//! The HTTP edge: what stands between a socket and the gateway.
//!
//! Every request walks the same way, and stops at the first thing that is wrong with it:
//!
//! ```text
//! path ─▶ host ─▶ origin ─▶ token ─▶ route ─▶ body ─▶ gateway
//! ```
//!
//! The path is made canonical once; that one string is what is routed by, what is authorised and
//! what a plugin sees. Routing is a `match` on it: a router of its own would look at the path as it
//! was spelled. The body is read last, so that nobody without a token makes the gateway hold bytes.
//!
//! [`Edge::answer`] is the whole edge without a socket; [`serve`] puts it behind one.

mod backend;
mod body;
mod capability;
mod chat;
mod config_apply;
mod event_body;
mod fault;
mod health;
mod host;
mod models;
mod origin;
mod path;
mod plugin_route;
mod reloads;
mod request_id;
mod serve;
mod status;
mod throttle;
mod token;
mod verdict;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::body::{Bytes, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request};
use axum::response::Response;
use loader_abi::TraceContext;
use loader_core::CallOptions;
use loader_core::diagnostic::Diagnostic;
use loader_core::message::Failure;
use loader_gateway::config::Config;
use loader_gateway::openai::Complaint;
use tokio::sync::{mpsc, watch};
use tracing::{Instrument as _, info, info_span};

pub(crate) use self::backend::Backend;
pub(crate) use self::body::BodyLimits;
pub(crate) use self::config_apply::Wish;
pub(crate) use self::serve::{ConnectionLimits, serve};

use self::fault::{Allowed, Fault};
use self::host::Hosts;
use self::request_id::RequestIds;
use self::throttle::Throttle;
use self::token::{Presented, TokenDigest};
use self::verdict::Verdict;

/// What the edge lets through, and for how long.
pub(crate) struct Policy {
    hosts: Hosts,
    token: TokenDigest,
    default_model: String,
    /// How much a body may have, and how long it may take.
    pub(crate) body: BodyLimits,
    /// How long a request may take until its answer begins.
    pub(crate) request_timeout: Duration,
}

impl Policy {
    /// The policy that follows from the configuration, for a gateway bound to this address whose
    /// token has this SHA-256 digest.
    ///
    /// # Errors
    ///
    /// `LDR-HTTP-ALLOWED-HOST` when an entry of `gateway.allowed_hosts` is no host name.
    pub(crate) fn new(
        config: &Config,
        bound: SocketAddr,
        token_digest: [u8; 32],
    ) -> Result<Self, Diagnostic> {
        let gateway = &config.gateway;
        let max_bytes = usize::try_from(gateway.max_body_bytes).unwrap_or(usize::MAX);
        Ok(Self {
            hosts: Hosts::new(bound.ip(), &gateway.allowed_hosts)?,
            token: TokenDigest::new(token_digest),
            default_model: config.models.default.clone(),
            body: BodyLimits { max_bytes, ..BodyLimits::default() },
            request_timeout: Duration::from_millis(gateway.request_timeout_ms),
        })
    }
}

/// The edge in front of one gateway. Clones are the same edge.
pub(crate) struct Edge<B>(Arc<Inner<B>>);

struct Inner<B> {
    backend: Arc<B>,
    policy: ArcSwap<Policy>,
    /// Who reads the configuration again, once somebody does.
    wishes: OnceLock<mpsc::Sender<Wish>>,
    /// Whether the edge ends, which ends what would go on for ever.
    ends: watch::Sender<bool>,
    verdict: Verdict,
    throttle: Throttle,
    request_ids: RequestIds,
    caller: Arc<str>,
}

impl<B> Clone for Edge<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Backend> Edge<B> {
    /// Puts an edge in front of a gateway.
    pub(crate) fn new(backend: B, policy: Policy) -> Self {
        Self(Arc::new(Inner {
            backend: Arc::new(backend),
            policy: ArcSwap::from_pointee(policy),
            wishes: OnceLock::new(),
            ends: watch::Sender::new(false),
            verdict: Verdict::default(),
            throttle: Throttle::default(),
            request_ids: RequestIds::default(),
            caller: "gateway".into(),
        }))
    }

    /// Lets requests that come from now on through by another policy.
    pub(crate) fn adjust(&self, policy: Policy) {
        self.0.policy.store(Arc::new(policy));
    }

    /// Ends the answers that have no end of their own.
    fn end(&self) {
        self.0.ends.send_replace(true);
    }

    /// Answers one request of this peer.
    pub(crate) async fn answer<R>(&self, peer: IpAddr, request: Request<R>) -> Response
    where
        R: HttpBody<Data = Bytes> + Unpin + Send,
    {
        let began = Instant::now();
        let edge = &*self.0;
        let (parts, body) = request.into_parts();
        let request_id = edge.request_ids.of(&parts.headers);
        let path = path::canonicalise(parts.uri.path());
        let span = info_span!(
            "http",
            method = %parts.method,
            path = path.as_deref().unwrap_or("(refused)"),
            request_id = request_id.to_str().unwrap_or_default(),
        );
        let visit = Visit { parts: &parts, peer, began, request_id: &request_id };
        let answered = async {
            let result = match path {
                Ok(path) => edge.admit(visit, &path, body).await,
                Err(refusal) => Err(Complaint::from(refusal).into()),
            };
            let mut response = result.unwrap_or_else(Fault::into_response);
            response.headers_mut().insert(request_id::HEADER, request_id.clone());
            // A streamed answer only begins here; its body says when it ends.
            let status = response.status().as_u16();
            info!(status, duration_ms = milliseconds_since(began), "answered");
            response
        };
        // An instrumented future enters its span at every poll, even a disabled one.
        if span.is_disabled() { answered.await } else { answered.instrument(span).await }
    }
}

/// One request on its way through the edge, without its path and body.
#[derive(Clone, Copy)]
struct Visit<'a> {
    parts: &'a Parts,
    peer: IpAddr,
    began: Instant,
    request_id: &'a HeaderValue,
}

impl<B: Backend> Inner<B> {
    /// Lets a request in or refuses it, then has it answered.
    async fn admit<R>(&self, visit: Visit<'_>, path: &str, body: R) -> Result<Response, Fault>
    where
        R: HttpBody<Data = Bytes> + Unpin + Send,
    {
        let presented = {
            let policy = self.policy.load();
            let host = policy.hosts.check(visit.parts)?;
            origin::check(&visit.parts.headers, &host, &policy.hosts)?;
            policy.token.presented_in(&visit.parts.headers)
        };
        let reads = matches!(visit.parts.method, Method::GET | Method::HEAD);
        match presented {
            Presented::Right => self.route(visit, path, body).await,
            // A supervisor may ask whether the gateway is well; how it is, only who has the token.
            Presented::Nothing if reads && path == "/health" => self.health_status().await,
            Presented::Nothing => Err(token::missing()),
            Presented::Wrong => Err(token::wrong(self.throttle.count(visit.peer, visit.began))),
        }
    }

    /// Answers a request that was let in.
    async fn route<R>(&self, visit: Visit<'_>, path: &str, body: R) -> Result<Response, Fault>
    where
        R: HttpBody<Data = Bytes> + Unpin + Send,
    {
        match (path, &visit.parts.method) {
            ("/health", &Method::GET | &Method::HEAD) => self.health_details().await,
            ("/health", _) => Err(Fault::method(Allowed::Get)),
            ("/admin/status", &Method::GET | &Method::HEAD) => Ok(self.status()),
            ("/admin/status", _) => Err(Fault::method(Allowed::Get)),
            ("/admin/reloads", &Method::GET | &Method::HEAD) => Ok(self.reloads()),
            ("/admin/events", &Method::GET | &Method::HEAD) => Ok(self.reload_events()),
            ("/admin/reloads" | "/admin/events", _) => Err(Fault::method(Allowed::Get)),
            (_, method) if reloads::is_below(path) => {
                self.reload(method, path, visit.parts.uri.query(), body).await
            }
            ("/admin/config/apply", &Method::POST) => self.apply_config(body).await,
            ("/admin/config/apply", _) => Err(Fault::method(Allowed::Post)),
            ("/v1/models", &Method::GET | &Method::HEAD) => self.models().await,
            ("/v1/models", _) => Err(Fault::method(Allowed::Get)),
            ("/v1/chat/completions", &Method::POST) => self.chat(visit, body).await,
            ("/v1/chat/completions", _) => Err(Fault::method(Allowed::Post)),
            (_, method) if path.starts_with(capability::PREFIX) => match method {
                &Method::POST => self.capability(visit, path, body).await,
                _ => Err(Fault::method(Allowed::Post)),
            },
            _ => match self.backend.route(path) {
                Some(route) => self.plugin_route(visit, route, body).await,
                None => Err(Fault::no_route(path)),
            },
        }
    }

    /// Waits for what has no deadline of its own.
    async fn within_timeout<T>(&self, answer: impl Future<Output = T>) -> Result<T, Fault> {
        let patience = self.policy.load().request_timeout;
        let answered = tokio::time::timeout(patience, answer).await;
        answered.map_err(|_| Failure::deadline().into())
    }

    /// What goes with a call that this request leads to.
    fn call_options(&self, visit: Visit<'_>) -> CallOptions {
        let mut options = CallOptions::by(self.caller.clone());
        options.deadline = visit.began.checked_add(self.policy.load().request_timeout);
        options.idempotent = visit.parts.method.is_idempotent();
        let trace = visit.parts.headers.get("traceparent").and_then(|value| value.to_str().ok());
        let key = visit.parts.headers.get("idempotency-key").and_then(|value| value.to_str().ok());
        options.idempotency_key = key.unwrap_or_default().to_owned();
        options.trace = trace.and_then(TraceContext::parse).unwrap_or_default();
        options
    }
}

/// Milliseconds with their fraction, as logs show them.
fn milliseconds_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;

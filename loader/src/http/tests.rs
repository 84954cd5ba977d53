//! The edge before a gateway made of cardboard: without a socket wherever one is not the point.

mod admission;
mod bodies;
mod chat;
mod fake;
mod own_routes;
mod paths;
mod plugin_routes;
mod request_ids;
mod sockets;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt as _;
use loader_gateway::config::Config;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Edge, Policy};
use fake::Fake;

const TOKEN: &str = "ldr_the-right-token-of-this-gateway";
const BEARER: &str = "Bearer ldr_the-right-token-of-this-gateway";
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn policy_of(config: &Config) -> Policy {
    let bound = SocketAddr::from((Ipv4Addr::LOCALHOST, 7280));
    Policy::new(config, bound, Sha256::digest(TOKEN).into()).expect("a sane configuration")
}

fn edge(fake: Fake) -> Edge<Fake> {
    Edge::new(fake, policy_of(&Config::default()))
}

/// A request that is let in, unless headers are changed.
fn request(method: &str, path: &str) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:7280");
    request.header("authorization", BEARER)
}

/// A request without the token.
fn anonymous(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "localhost:7280")
}

fn empty(request: axum::http::request::Builder) -> Request<Body> {
    request.body(Body::empty()).expect("a request")
}

fn with_json(request: axum::http::request::Builder, body: &Value) -> Request<Body> {
    request.body(Body::from(body.to_string())).expect("a request")
}

/// An answer, read to its end.
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answered {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Self { status: parts.status, headers: parts.headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a plain header"))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The status and loader's own code.
    fn fault(&self) -> (u16, String) {
        let code = self.json()["error"]["loader"]["code"].take();
        (self.status.as_u16(), code.as_str().unwrap_or_default().to_owned())
    }
}

async fn ask(edge: &Edge<Fake>, request: Request<Body>) -> Answered {
    Answered::read(edge.answer(PEER, request).await).await
}

//! Requests that plugins answer, to and from `http-route/1`.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONNECTION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use loader_abi::class;
use loader_contract::http_route::{METHOD, PATH, QUERY, STATUS, is_of_the_connection, is_sent};
use loader_core::message::{Failure, Metadata, Reply};
use loader_gateway::openai::Complaint;

use super::backend::PluginRoute;
use super::fault::Fault;
use super::{Backend, Inner, Visit, body, request_id};

impl<B: Backend> Inner<B> {
    pub(super) async fn plugin_route<R>(
        &self,
        visit: Visit<'_>,
        mut route: B::Route,
        body: R,
    ) -> Result<Response, Fault>
    where
        R: HttpBody<Data = Bytes> + Unpin + Send,
    {
        let limits = self.policy.load().body;
        let body = body::read(body, limits).await?;
        let metadata = request_metadata(visit.parts, route.take_path(), visit.request_id);
        let reply = route.handle(self.call_options(visit), metadata, body).await?;
        response_of(reply).map_err(Fault::from)
    }
}

fn request_metadata(parts: &Parts, path: String, request_id: &HeaderValue) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.push(METHOD, parts.method.as_str());
    metadata.push(PATH, path);
    if let Some(query) = parts.uri.query() {
        metadata.push(QUERY, query);
    }
    let connection_names = connection_names(&parts.headers);
    for (name, value) in &parts.headers {
        let name = name.as_str();
        let hop = connection_names.iter().any(|hop| hop.eq_ignore_ascii_case(name));
        if !hop && !is_kept_back(name) {
            metadata.push(name, value.as_bytes());
        }
    }
    metadata.push(request_id::HEADER, request_id.as_bytes());
    metadata
}

/// The headers that `Connection` declares to be about the connection only.
fn connection_names(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim);
    // `host` is no such header, whatever the client says.
    names.filter(|name| !name.eq_ignore_ascii_case("host")).collect()
}

/// Whether a plugin must not see a request's header of this name.
fn is_kept_back(name: &str) -> bool {
    // The host's own metadata: a client that could set it would speak for the host.
    const RESERVED: &str = "ldr-";
    match name {
        // Meant for the gateway.
        "authorization" | "proxy-authorization" | request_id::HEADER => true,
        // What a proxy says of the client. No proxy is configured, so anybody may have said it.
        "forwarded" | "x-real-ip" => true,
        _ => {
            is_of_the_connection(name)
                || name.starts_with("x-forwarded-")
                || name.starts_with(RESERVED)
        }
    }
}

fn response_of(reply: Reply) -> Result<Response, Complaint> {
    let mut response = Response::new(Body::from(reply.body));
    for (name, value) in reply.metadata.iter() {
        if name == STATUS {
            *response.status_mut() = status_of(value)?;
        } else if is_sent(name) {
            let header = HeaderName::from_bytes(name.as_bytes());
            let (Ok(header), Ok(value)) = (header, HeaderValue::from_bytes(value)) else {
                return Err(garbled(format!("its header `{}` is malformed", name.escape_debug())));
            };
            response.headers_mut().append(header, value);
        }
    }
    Ok(response)
}

/// A final status: the ones below 200 only announce another response.
fn status_of(value: &[u8]) -> Result<StatusCode, Complaint> {
    let status = StatusCode::from_bytes(value).ok();
    status.filter(|status| (200..600).contains(&status.as_u16())).ok_or_else(|| {
        garbled(format!("`{}` is no status", String::from_utf8_lossy(value).escape_debug()))
    })
}

fn garbled(reason: String) -> Complaint {
    let message = format!("the plugin's response makes no sense: {reason}");
    let failure = Failure::new(class::INTERNAL, "LDR-HTTP-RESPONSE", message);
    Complaint::new(502, "invalid_response", failure)
}

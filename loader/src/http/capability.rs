//! `POST /v1/capabilities/<contract>/<major>/<method>`: everything that plugins offer, in one form.
//!
//! The body is the method's request. With `?id=<capability>` the plugin that has the capability is
//! asked, without it the gateway, which chooses. The answer is, as the contract has it,
//!
//! * the method's answer: JSON;
//! * bytes: the media type and, in the header [`HEAD`], what the contract says of them. A connection
//!   that breaks off means that they are not complete;
//! * server-sent events: `head`, `event` and `data` for each message, then `end` or `error`. The data
//!   of `data` is `{"text": …}` or `{"base64": …}`, and its metadata.

use std::io;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::stream;
use loader_abi::{class, message_kind};
use loader_core::OpenStream;
use loader_core::message::{Failure, Message, Reply};
use loader_gateway::openai::Complaint;
use loader_gateway::{Answered, Question};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use tracing::{Span, warn};

use super::fault::{Fault, json};
use super::{Backend, Inner, Visit, body};

/// What the paths begin with.
pub(super) const PREFIX: &str = "/v1/capabilities/";

/// The header that tells what a contract says of the bytes that follow: JSON.
const HEAD: HeaderName = HeaderName::from_static("loader-head");

impl<B: Backend> Inner<B> {
    pub(super) async fn capability<R>(
        &self,
        visit: Visit<'_>,
        path: &str,
        body: R,
    ) -> Result<Response, Fault>
    where
        R: HttpBody<Data = Bytes> + Unpin + Send,
    {
        let named = path.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('/'));
        let Some((contract, method)) = named else { return Err(Fault::no_route(path)) };
        let capability = capability_of(visit.parts.uri.query())?;
        let limits = self.policy.load().body;
        let body = body::read(body, limits).await?;
        let question = Question {
            contract: contract.to_owned(),
            method: method.to_owned(),
            capability,
            options: self.call_options(visit),
            body,
        };
        match self.within_timeout(self.backend.ask(question)).await?? {
            Answered::Whole(reply) => Ok(whole(reply)),
            Answered::Stream(stream) => Ok(streamed(stream)),
        }
    }
}

/// The capability that the query names.
fn capability_of(query: Option<&str>) -> Result<Option<String>, Fault> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(None) };
    let named = query.strip_prefix("id=").filter(|id| !id.is_empty());
    let decoded = named.and_then(|id| percent_encoding::percent_decode_str(id).decode_utf8().ok());
    decoded.map(|id| Some(id.into_owned())).ok_or_else(|| {
        let message = format!("the query `{}` makes no sense", query.escape_debug());
        let failure = Failure::new(class::INVALID, "LDR-HTTP-QUERY", message)
            .hint("nothing, or ?id=<capability>");
        Complaint::new(400, "invalid_request", failure).into()
    })
}

/// A whole answer: JSON, unless the contract has it otherwise.
fn whole(reply: Reply) -> Response {
    let body = if reply.body.is_empty() { b"null".to_vec() } else { reply.body };
    let is_json = serde_json::from_slice::<IgnoredAny>(&body).is_ok();
    let mut response = json(StatusCode::OK, body);
    if !is_json {
        let kind = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

fn streamed(stream: OpenStream) -> Response {
    let media = stream.head.metadata.get(loader_contract::CONTENT_TYPE);
    let media = media.and_then(|media| HeaderValue::from_bytes(media).ok());
    let head = HeaderValue::from_bytes(&stream.head.body).ok();
    match media {
        None => {
            let mut response = Response::new(events(stream));
            let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Some(media) => {
            let mut response = Response::new(bytes(stream));
            response.headers_mut().insert(CONTENT_TYPE, media);
            if let Some(head) = head.filter(|head| !head.is_empty()) {
                response.headers_mut().insert(HEAD, head);
            }
            response
        }
    }
}

/// The bytes of a stream; one that fails breaks the connection off, and the log says why.
fn bytes(stream: OpenStream) -> Body {
    let span = Span::current();
    Body::from_stream(stream::unfold(Some((stream, span)), async |going| {
        let (stream, span) = going?;
        loop {
            match stream.receive().await? {
                Ok(message) if message.kind == message_kind::DATA => {
                    return Some((Ok(Bytes::from(message.body)), Some((stream, span))));
                }
                Ok(_) => {}
                Err(failure) => {
                    tell(&span, &failure);
                    return Some((Err(io::Error::other(failure.to_string())), None));
                }
            }
        }
    }))
}

/// The messages of a stream as server-sent events.
fn events(stream: OpenStream) -> Body {
    let first = sent("head", &described(&stream.head));
    let span = Span::current();
    let going = (Some(first), Some((stream, span)));
    Body::from_stream(stream::unfold(going, async |(first, going)| {
        if let Some(first) = first {
            return Some((Ok::<_, io::Error>(first), (None, going)));
        }
        let (stream, span) = going?;
        let failure = match stream.receive().await {
            Some(Ok(message)) if message.kind == message_kind::EVENT => {
                match on_one_line(&message.body) {
                    Ok(event) => return Some((Ok(event), (None, Some((stream, span))))),
                    Err(failure) => Some(failure),
                }
            }
            Some(Ok(message)) => {
                let data = sent("data", &described(&message));
                return Some((Ok(data), (None, Some((stream, span)))));
            }
            Some(Err(failure)) => Some(failure),
            None => None,
        };
        let last = match failure {
            None => sent("end", &json!({})),
            Some(failure) => {
                tell(&span, &failure);
                let complaint = Complaint::from(failure).to_json();
                sent("error", &serde_json::from_slice(&complaint).unwrap_or_default())
            }
        };
        Some((Ok(last), (None, None)))
    }))
}

/// An event as it is sent. A plugin may have written it on several lines, which would be events of their own.
fn on_one_line(event: &[u8]) -> Result<Bytes, Failure> {
    if !event.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Ok(Bytes::from([b"event: event\ndata: ", event, b"\n\n"].concat()));
    }
    let event: Value = serde_json::from_slice(event).map_err(|error| {
        let message = format!("an event of the answer makes no sense: {error}");
        Failure::new(class::INTERNAL, "LDR-CALL-GARBLED", message)
    })?;
    Ok(sent("event", &event))
}

fn tell(span: &Span, failure: &Failure) {
    span.in_scope(|| {
        warn!(code = failure.code, origin = failure.origin, "{}", failure.message);
    });
}

fn sent(kind: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {kind}\ndata: {data}\n\n"))
}

fn described(message: &Message) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let mut data = Map::new();
    match text(&message.body) {
        Some(text) => data.insert("text".to_owned(), json!(text)),
        None => data.insert("base64".to_owned(), json!(BASE64_STANDARD.encode(&message.body))),
    };
    let metadata = message.metadata.iter();
    let metadata: Map<_, _> =
        metadata.filter_map(|(key, value)| Some((key.to_owned(), json!(text(value)?)))).collect();
    if !metadata.is_empty() {
        data.insert("metadata".to_owned(), Value::Object(metadata));
    }
    Value::Object(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_event_however_it_is_written() {
        let sent = |event: &str| on_one_line(event.as_bytes()).map_err(|failure| failure.code);
        assert_eq!(sent("{\"a\":1}").as_deref(), Ok(&b"event: event\ndata: {\"a\":1}\n\n"[..]));
        assert_eq!(
            sent("{\n  \"a\": 1\n}").as_deref(),
            Ok(&b"event: event\ndata: {\"a\":1}\n\n"[..])
        );
        assert_eq!(sent("{}\n\nevent: end\ndata: {}"), Err("LDR-CALL-GARBLED".to_owned()));
    }

    #[test]
    fn what_is_no_json_is_not_said_to_be() {
        let kind = |body: &[u8]| {
            let reply = Reply { body: body.to_vec(), ..Reply::empty() };
            whole(reply).headers()[CONTENT_TYPE].to_str().expect("text").to_owned()
        };
        assert_eq!(kind(b"{}"), "application/json");
        assert_eq!(kind(b""), "application/json");
        assert_eq!(kind(b"hello"), "application/octet-stream");
    }
}

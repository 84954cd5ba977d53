//! `http-client/1` without a network: addresses that a test named, and no others.

use super::{offline, send, unknown};
use futures_util::future::BoxFuture;
use loader_contract::service::http_client::{SERVICE, STATUS, URL, code, method};
use loader_core::{
    message::{Failure, Message, Metadata, Reply},
    service::{Answer, Service, ServiceRequest},
    stream::StreamEnd,
};
use std::collections::BTreeMap;

/// What each address answers.
#[derive(Default)]
pub(crate) struct Web(pub(crate) BTreeMap<String, Answered>);

/// What an address answers.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Web {
    fn fetch(&self, request: &ServiceRequest) -> Result<Reply, Failure> {
        let url = request.metadata.get_text(URL).unwrap_or_default();
        let Some(Answered { status, headers, body }) = self.0.get(url) else {
            return Err(offline(code::UNREACHABLE));
        };
        let mut metadata = Metadata::new().with(STATUS, status.to_string());
        for (name, value) in headers {
            metadata.push(name.as_str(), value.as_str());
        }
        Ok(Reply { metadata, body: body.clone() })
    }
}

impl Service for Web {
    fn name(&self) -> &str {
        SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match request.method.as_str() {
            method::FETCH => Answer::Ready(self.fetch(&request)),
            _ => Answer::Ready(Err(unknown(&request))),
        }
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let fetched = match request.method.as_str() {
            method::STREAM => self.fetch(&request),
            _ => Err(unknown(&request)),
        };
        let messages = fetched.map(|Reply { metadata, body }| {
            vec![Message::head(metadata, Vec::new()), Message::data(body)]
        });
        send(messages, stream)
    }
}

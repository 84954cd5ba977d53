//! `text-inference/1`: a model that repeats what it is told.

use super::unknown;
use loader_contract::{
    CONTENT_TYPE,
    text_inference::{
        FinishReason, GenerateRequest, GenerateResponse, Message as Said, Model, ModelList, Role,
        StreamEvent, method,
    },
};
use loader_core::{
    message::{Failure, Message, Metadata, Reply, from_json},
    service::ServiceRequest,
};

/// The only model, whichever is asked for.
const PARROT: &str = "fake/parrot";

fn parrot(request: &ServiceRequest) -> Result<String, Failure> {
    let request: GenerateRequest = from_json(&request.body)?;
    Ok(request.messages.last().map(Said::joined_text).unwrap_or_default())
}

pub(super) fn call(request: &ServiceRequest) -> Result<Reply, Failure> {
    match request.method.as_str() {
        method::MODELS => {
            let model = Model { id: PARROT.into(), ..Model::default() };
            Reply::json(&ModelList { models: vec![model] })
        }
        method::GENERATE => Reply::json(&GenerateResponse {
            message: Said::text(Role::Assistant, parrot(request)?),
            model: PARROT.into(),
            ..GenerateResponse::default()
        }),
        _ => Err(unknown(request)),
    }
}

pub(super) fn open(request: &ServiceRequest) -> Result<Vec<Message>, Failure> {
    match request.method.as_str() {
        method::GENERATE => Ok(whole(call(request)?)),
        method::STREAM => Ok(vec![
            Message::head(Metadata::new(), Vec::new()),
            Message::event(&StreamEvent::Text { text: parrot(request)? })?,
            Message::event(&StreamEvent::Finish { reason: FinishReason::Stop, usage: None })?,
        ]),
        _ => Err(unknown(request)),
    }
}

/// A whole answer as a stream: what `generate` is, opened.
pub(crate) fn whole(reply: Reply) -> Vec<Message> {
    let head = reply.metadata.with(CONTENT_TYPE, "application/json");
    vec![Message::head(head, Vec::new()), Message::data(reply.body)]
}

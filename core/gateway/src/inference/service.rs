//! `text-inference/1` as plugins ask the host for it.

use super::Inference;
use futures_util::future::BoxFuture;
use loader_abi::operation;
use loader_contract::{
    CONTENT_TYPE,
    text_inference::{CONTRACT, GenerateRequest, Model, ModelList, method},
};
use loader_core::{
    message::{Failure, Message, Metadata, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
    stream::StreamEnd,
};

/// How much of a whole answer goes into one message.
const PIECE_BYTES: usize = 256 * 1024;

impl Service for Inference {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let inference = self.clone();
        match request.method.as_str() {
            method::MODELS => Answer::later(async move {
                let models = inference.models().await?.into_iter();
                let named = models.map(|listed| Model { id: listed.id, ..listed.model });
                Reply::json(&ModelList { models: named.collect() })
            }),
            method::GENERATE => Answer::later(async move {
                let asked: GenerateRequest = from_json(&request.body)?;
                let model = meant(&request.metadata, &asked);
                Reply::json(&inference.generate(request.options, &model, asked).await?)
            }),
            method => Answer::unimplemented(CONTRACT, method),
        }
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let inference = self.clone();
        Box::pin(async move {
            let asked: GenerateRequest = from_json(&request.body)?;
            let model = meant(&request.metadata, &asked);
            let ServiceRequest { method, options, .. } = request;
            match method.as_str() {
                method::GENERATE => {
                    let answer = inference.generate(options, &model, asked).await?;
                    let head = Metadata::new().with(CONTENT_TYPE, "application/json");
                    stream.sender.send(Message::head(head, Vec::new())).await?;
                    for piece in Reply::json(&answer)?.body.chunks(PIECE_BYTES) {
                        stream.sender.send(Message::data(piece.to_vec())).await?;
                    }
                    Ok(())
                }
                method::STREAM => {
                    let mut events = inference.stream(options, &model, asked).await?;
                    // What fails before the first piece is the question's own error.
                    let mut next = events.next().await.transpose()?.map(Ok);
                    stream.sender.send(Message::head(Metadata::new(), Vec::new())).await?;
                    while let Some(event) = next {
                        stream.sender.send(Message::event(&event?)?).await?;
                        next = events.next().await;
                    }
                    Ok(())
                }
                method => Err(Failure::unimplemented(&format!("{CONTRACT}/{method}"))),
            }
        })
    }

    /// Nobody gets round the hooks and the limits by naming the provider.
    fn answers_for_named(&self, method: &str) -> bool {
        matches!(method, method::GENERATE | method::STREAM)
    }
}

/// The whole name of the model that is asked. Who names a provider as a capability says only which of its own.
fn meant(metadata: &Metadata, asked: &GenerateRequest) -> String {
    match metadata.get_text(operation::CAPABILITY_KEY) {
        None => asked.model.clone(),
        Some(provider) => format!("{provider}/{}", asked.model),
    }
}

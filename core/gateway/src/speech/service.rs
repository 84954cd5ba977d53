//! `speech/1` as the host serves it.

use super::Speech;
use futures_util::future::BoxFuture;
use loader_abi::operation;
use loader_contract::speech::{CONTRACT, Provider, ProviderList, Synthesize, VoiceList, method};
use loader_core::{
    message::{Failure, Message, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
    stream::StreamEnd,
};

impl Service for Speech {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let speech = self.clone();
        match request.method.as_str() {
            method::VOICES => Answer::later(async move {
                Reply::json(&VoiceList { voices: speech.voices(request.options).await? })
            }),
            method::PROVIDERS => Answer::Ready((|| {
                let order = speech.everybody(&*speech.desk.engine()?);
                let providers = order.into_iter().map(Provider::from).collect();
                Reply::json(&ProviderList { providers })
            })()),
            method => Answer::unimplemented(CONTRACT, method),
        }
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let speech = self.clone();
        Box::pin(async move {
            let ServiceRequest { method, options, metadata, body, .. } = request;
            if !matches!(method.as_str(), method::SYNTHESIZE | method::TELEPHONY) {
                return Err(Failure::unimplemented(&format!("{CONTRACT}/{method}")));
            }
            let asked: Synthesize = from_json(&body)?;
            let named = metadata.get_text(operation::CAPABILITY_KEY);
            let mut begun = speech.begin(&method, named, options, &asked, &body).await?;
            stream.sender.send(begun.head.clone()).await?;
            while let Some(piece) = begun.next().await? {
                stream.sender.send(Message::data(piece)).await?;
            }
            Ok(())
        })
    }

    /// Speech of one that is named is listened to with the same patience, and not for longer.
    fn answers_for_named(&self, method: &str) -> bool {
        matches!(method, method::SYNTHESIZE | method::TELEPHONY)
    }
}

//! Services that stand in for the world: what the gateway would do with plugins, and the network.

use futures_util::future::BoxFuture;
use loader_abi::class;
use loader_contract::{
    CONTENT_TYPE, channel, hook, scheduled_task,
    service::{http_client, net, websocket},
    speech,
    text_inference::{
        self, FinishReason, GenerateRequest, GenerateResponse, Message as Said, Model, ModelList,
        Role, StreamEvent,
    },
    tool, web_fetch,
};
use loader_core::{
    message::{Failure, Message, Metadata, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
    stream::StreamEnd,
};
use std::{collections::BTreeMap, sync::Arc};

/// A service that answers at once, from what it is asked.
pub(crate) struct Fake {
    name: &'static str,
    /// What it answers; a stream answers with the messages of [`Said`] after a head.
    call: fn(&ServiceRequest) -> Result<Reply, Failure>,
    open: fn(&ServiceRequest) -> Result<Vec<Message>, Failure>,
}

impl Fake {
    fn calls(
        name: &'static str,
        call: fn(&ServiceRequest) -> Result<Reply, Failure>,
    ) -> Arc<dyn Service> {
        Arc::new(Self { name, call, open: |request| Err(unknown(request)) })
    }
}

impl Service for Fake {
    fn name(&self) -> &str {
        self.name
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        Answer::Ready((self.call)(&request))
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        send((self.open)(&request), stream)
    }
}

/// Sends these, or fails.
pub(crate) fn send(
    messages: Result<Vec<Message>, Failure>,
    stream: StreamEnd,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        for message in messages? {
            stream.sender.send(message).await?;
        }
        Ok(())
    })
}

fn unknown(request: &ServiceRequest) -> Failure {
    Failure::unimplemented(&request.method)
}

/// Everything that stands in for the gateway, but for the network.
pub(crate) fn all() -> Vec<Arc<dyn Service>> {
    vec![
        Arc::new(Fake { name: text_inference::CONTRACT, call: infer, open: infer_in_pieces }),
        Arc::new(Fake { name: speech::CONTRACT, call: name_voices, open: speak }),
        Fake::calls(tool::CONTRACT, use_tool),
        Fake::calls(web_fetch::CONTRACT, |request| match request.method.as_str() {
            web_fetch::method::FETCH => fetch(request),
            _ => Err(unknown(request)),
        }),
        Fake::calls(channel::CONTRACT, |request| match request.method.as_str() {
            channel::method::SEND => {
                Reply::json(&channel::Sent { message_ids: Vec::new(), pieces: 1 })
            }
            _ => Err(unknown(request)),
        }),
        Fake::calls(channel::INBOX, |request| match request.method.as_str() {
            channel::inbox::DELIVER | channel::inbox::STATUS => Ok(Reply::empty()),
            _ => Err(unknown(request)),
        }),
        Fake::calls(scheduled_task::CONTRACT, |request| match request.method.as_str() {
            scheduled_task::method::PLAN => Ok(Reply::empty()),
            scheduled_task::method::LIST => Reply::json(&scheduled_task::TaskList::default()),
            _ => Err(unknown(request)),
        }),
        Fake::calls(hook::CONTRACT, |request| match request.method.as_str() {
            hook::method::FIRE => Reply::json(&hook::CustomChange::default()),
            hook::method::LIST => Reply::json(&hook::HookList::default()),
            _ => Err(unknown(request)),
        }),
        Arc::new(Fake {
            name: net::SERVICE,
            call: |request| Err(unknown(request)),
            open: |_| Err(offline(net::code::UNREACHABLE)),
        }),
        Arc::new(Fake {
            name: websocket::SERVICE,
            call: |request| Err(unknown(request)),
            open: |_| Err(offline(websocket::code::UNREACHABLE)),
        }),
    ]
}

fn offline(code: &str) -> Failure {
    Failure::new(class::UNAVAILABLE, code, "there is no network in this test")
}

/// A model that repeats what it is told.
const PARROT: &str = "fake/parrot";

fn parrot(request: &ServiceRequest) -> Result<String, Failure> {
    let request: GenerateRequest = from_json(&request.body)?;
    Ok(request.messages.last().map(Said::joined_text).unwrap_or_default())
}

fn infer(request: &ServiceRequest) -> Result<Reply, Failure> {
    match request.method.as_str() {
        text_inference::method::MODELS => {
            let model = Model { id: PARROT.into(), ..Model::default() };
            Reply::json(&ModelList { models: vec![model] })
        }
        text_inference::method::GENERATE => Reply::json(&GenerateResponse {
            message: Said::text(Role::Assistant, parrot(request)?),
            model: PARROT.into(),
            ..GenerateResponse::default()
        }),
        _ => Err(unknown(request)),
    }
}

fn infer_in_pieces(request: &ServiceRequest) -> Result<Vec<Message>, Failure> {
    let head = Message::head(Metadata::new(), Vec::new());
    match request.method.as_str() {
        text_inference::method::GENERATE => Ok(vec![head, Message::data(infer(request)?.body)]),
        text_inference::method::STREAM => Ok(vec![
            head,
            Message::event(&StreamEvent::Text { text: parrot(request)? })?,
            Message::event(&StreamEvent::Finish { reason: FinishReason::Stop, usage: None })?,
        ]),
        _ => Err(unknown(request)),
    }
}

fn use_tool(request: &ServiceRequest) -> Result<Reply, Failure> {
    match request.method.as_str() {
        tool::method::LIST => Reply::json(&tool::ToolList::default()),
        tool::method::CALL => Reply::json(&tool::ToolAnswer::done("done")),
        _ => Err(unknown(request)),
    }
}

/// A page with nothing but its own address on it.
fn fetch(request: &ServiceRequest) -> Result<Reply, Failure> {
    let request: web_fetch::FetchPage = from_json(&request.body)?;
    Reply::json(&web_fetch::Page {
        url: request.url.clone(),
        status: 200,
        content: request.url,
        content_type: web_fetch::PageFormat::Text.media_type().into(),
        ..web_fetch::Page::default()
    })
}

fn name_voices(request: &ServiceRequest) -> Result<Reply, Failure> {
    match request.method.as_str() {
        speech::method::VOICES => Reply::json(&speech::VoiceList::default()),
        speech::method::PROVIDERS => Reply::json(&speech::ProviderList::default()),
        _ => Err(unknown(request)),
    }
}

/// A tenth of a second of silence.
fn speak(request: &ServiceRequest) -> Result<Vec<Message>, Failure> {
    let (format, kind, sound) = match request.method.as_str() {
        speech::method::SYNTHESIZE => ("wav", "audio/wav", wav(&[0; 1600])),
        speech::method::TELEPHONY => ("pcm-s16le", "application/octet-stream", vec![0; 1600]),
        _ => return Err(unknown(request)),
    };
    let audio = speech::Audio {
        format: format.into(),
        sample_rate: 8000,
        channels: 1,
        provider: "fake".into(),
        voice_compatible: false,
    };
    let head = Message::head(Metadata::new().with(CONTENT_TYPE, kind), Reply::json(&audio)?.body);
    Ok(vec![head, Message::data(sound)])
}

/// A file of 16-bit samples, 8,000 a second.
fn wav(samples: &[u8]) -> Vec<u8> {
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX - 36);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8000_u32.to_le_bytes());
    file.extend(16000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(samples);
    file
}

/// `http-client/1` without a network: addresses that a test named, and no others.
#[derive(Default)]
pub(crate) struct Web(pub(crate) BTreeMap<String, (u16, Vec<u8>)>);

impl Web {
    fn fetch(&self, request: &ServiceRequest) -> Result<(Metadata, Vec<u8>), Failure> {
        let url = request.metadata.get_text(http_client::URL).unwrap_or_default();
        let Some((status, body)) = self.0.get(url) else {
            return Err(offline(http_client::code::UNREACHABLE));
        };
        Ok((Metadata::new().with(http_client::STATUS, status.to_string()), body.clone()))
    }
}

impl Service for Web {
    fn name(&self) -> &str {
        http_client::SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        if request.method != http_client::method::FETCH {
            return Answer::Ready(Err(unknown(&request)));
        }
        Answer::Ready(self.fetch(&request).map(|(metadata, body)| Reply { metadata, body }))
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let fetched = match request.method == http_client::method::STREAM {
            true => self.fetch(&request),
            false => Err(unknown(&request)),
        };
        let messages = fetched
            .map(|(metadata, body)| vec![Message::head(metadata, Vec::new()), Message::data(body)]);
        send(messages, stream)
    }
}

//! `text-inference/1`: see [`loader_contract::text_inference`].

use crate::{
    Call, Error, Message, Metadata, Plugin, Registration, Result, Sender, registration::Capability,
};
pub use loader_contract::text_inference::CONTRACT;
use loader_contract::text_inference::{
    FinishReason, GenerateRequest, GenerateResponse, ModelList, Part, Role, StreamEvent, ToolCall,
    Usage, code, method,
};
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex},
};

/// A plugin that continues conversations.
///
/// ```no_run
#[doc = include_str!("../../examples/text_inference.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/text_inference.toml")]
/// ```
pub trait TextInference: Plugin {
    /// The models it offers.
    fn models(&self, call: Call) -> impl Future<Output = Result<ModelList>> + Send;

    /// Answers piece by piece. The last event must be `Finish`.
    fn stream(
        &self,
        call: Call,
        request: GenerateRequest,
        events: Events,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Answers whole. By default, the pieces of [`stream`](Self::stream) put together.
    fn generate(
        &self,
        call: Call,
        request: GenerateRequest,
    ) -> impl Future<Output = Result<GenerateResponse>> + Send {
        async move {
            let whole = Arc::new(Mutex::new(Whole::default()));
            self.stream(call, request, Events(Sink::Whole(whole.clone()))).await?;
            let whole = std::mem::take(&mut *lock(&whole));
            whole.finish()
        }
    }
}

/// Where a stream's events go.
#[derive(Clone)]
pub struct Events(Sink);

#[derive(Clone)]
enum Sink {
    Stream(Arc<Accepting>),
    Whole(Arc<Mutex<Whole>>),
}

/// A stream that is accepted by its first event, so that an error before it is the call's own.
struct Accepting {
    sender: Sender,
    accepted: Mutex<bool>,
}

impl Events {
    /// Sends one event, waiting while the consumer is behind.
    pub async fn send(&self, event: StreamEvent) -> Result<()> {
        match &self.0 {
            Sink::Whole(whole) => {
                lock(whole).add(event);
                Ok(())
            }
            Sink::Stream(stream) => {
                let first = !std::mem::replace(&mut *lock(&stream.accepted), true);
                if first {
                    stream.sender.send(Message::head(Metadata::new(), Vec::new())).await?;
                }
                stream.sender.send_event(&event).await
            }
        }
    }

    /// Sends more text.
    pub async fn text(&self, text: impl Into<String>) -> Result<()> {
        self.send(StreamEvent::Text { text: text.into() }).await
    }

    /// Says that the answer is complete.
    pub async fn finish(&self, reason: FinishReason, usage: Option<Usage>) -> Result<()> {
        self.send(StreamEvent::Finish { reason, usage }).await
    }
}

/// The pieces of an answer, put together.
#[derive(Default)]
struct Whole {
    text: String,
    calls: BTreeMap<u32, ToolCall>,
    finish: Option<(FinishReason, Option<Usage>)>,
}

impl Whole {
    fn add(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Text { text } => self.text.push_str(&text),
            StreamEvent::ToolCall { index, id, name, arguments } => {
                let call = self.calls.entry(index).or_default();
                call.id.push_str(&id);
                call.name.push_str(&name);
                call.arguments.push_str(&arguments);
            }
            StreamEvent::Finish { reason, usage } => self.finish = Some((reason, usage)),
            StreamEvent::Unknown => {}
        }
    }

    fn finish(self) -> Result<GenerateResponse> {
        let (finish, usage) = self.finish.ok_or_else(|| {
            Error::unavailable(
                code::UPSTREAM_CUT_OFF,
                "the answer broke off before it was complete",
            )
        })?;
        let content =
            if self.text.is_empty() { Vec::new() } else { vec![Part::Text { text: self.text }] };
        let message = loader_contract::text_inference::Message {
            role: Role::Assistant,
            content,
            tool_calls: self.calls.into_values().collect(),
            ..Default::default()
        };
        Ok(GenerateResponse { message, finish, usage, model: String::new() })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl<P: TextInference> Registration<P> {
    /// Provides `text-inference/1` under this id.
    #[must_use]
    pub fn text_inference(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| match name {
                method::MODELS => Some(
                    invocation
                        .answer_json(move |call, ()| async move { plugin.models(call).await }),
                ),
                method::GENERATE => Some(invocation.answer_json(move |call, request| async move {
                    plugin.generate(call, request).await
                })),
                _ => None,
            },
            open: |plugin, name, invocation, stream| match name {
                method::STREAM => {
                    Some(invocation.handle_json(stream, move |call, request, stream| async move {
                        let accepting =
                            Accepting { sender: stream.sender, accepted: Mutex::new(false) };
                        let events = Events(Sink::Stream(Arc::new(accepting)));
                        plugin.stream(call, request, events).await
                    }))
                }
                method::GENERATE => {
                    Some(invocation.handle_json(stream, move |call, request, stream| async move {
                        let answer = plugin.generate(call, request).await?;
                        stream.sender.send_whole(&answer).await
                    }))
                }
                _ => None,
            },
        })
    }
}

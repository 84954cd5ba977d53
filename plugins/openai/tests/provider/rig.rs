//! The plugin, started by a scripted host and called as a gateway calls it.

use crate::host::{Act, ScriptedHost, Sent, Step, silence};
use loader_sdk::{
    Registration,
    abi::{
        CallContext, CallError, Duplex, NO_DEADLINE, PluginBox, StreamSender_TO, TraceContext,
        abi_stable::{
            sabi_trait::TD_Opaque,
            std_types::{RBox, RResult, RVec},
        },
        message_kind,
    },
    contract::{
        health::HealthReport,
        text_inference::{GenerateResponse, ModelList, StreamEvent},
    },
    export,
};
use openai::OpenAi;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// A started plugin.
pub(crate) struct Rig {
    pub(crate) host: ScriptedHost,
    plugin: PluginBox,
    /// How long callers wait.
    pub(crate) patience: Option<Duration>,
}

/// What came of a stream: its events, and how it ended.
pub(crate) struct Streamed {
    pub(crate) accepted: bool,
    pub(crate) events: Vec<StreamEvent>,
    pub(crate) end: Result<(), Box<CallError>>,
}

impl Streamed {
    pub(crate) fn text(&self) -> String {
        let texts = self.events.iter().filter_map(|event| match event {
            StreamEvent::Text { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    pub(crate) fn finishes(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, StreamEvent::Finish { .. })).count()
    }

    pub(crate) fn error(self) -> Box<CallError> {
        self.end.expect_err("the stream failed")
    }
}

/// A plugin with a literal key and the given settings, before a server that plays `acts`.
pub(crate) fn rig_with(settings: Value, acts: Vec<Act>) -> Rig {
    let mut config = json!({ "base_url": "http://127.0.0.1:1/v1", "api_key": "sk-canary" });
    let settings = settings.as_object().expect("settings").clone();
    config.as_object_mut().expect("an object").extend(settings);
    let rig = try_rig(config).unwrap_or_else(|error| panic!("the plugin starts: {error:?}"));
    rig.host.script().acts = acts.into();
    rig
}

/// The same with no settings of its own.
pub(crate) fn rig(acts: Vec<Act>) -> Rig {
    rig_with(json!({}), acts)
}

/// A plugin with this configuration alone, or why it does not start.
pub(crate) fn try_rig(config: Value) -> Result<Rig, Box<CallError>> {
    let host = ScriptedHost::default();
    let registration = Registration::<OpenAi>::new().text_inference("openai").health("openai");
    let created = export::create("openai", "0.0.0", registration, host.boxed());
    let plugin = created.into_result().unwrap_or_else(|error| panic!("it is made: {error:?}"));
    let rig = Rig { host, plugin, patience: None };
    rig.call::<Value>("ldr/1/start", &json!({ "config": config }))?;
    Ok(rig)
}

impl Rig {
    pub(crate) fn models(&self) -> Result<ModelList, Box<CallError>> {
        self.call("text-inference/1/models", &Value::Null)
    }

    pub(crate) fn generate(&self) -> Result<GenerateResponse, Box<CallError>> {
        self.call("text-inference/1/generate", &request())
    }

    pub(crate) fn health(&self) -> HealthReport {
        self.call("health/1/check", &Value::Null).expect("a report")
    }

    pub(crate) fn stream(&self) -> Streamed {
        self.stream_to(Sent::default())
    }

    /// Streams to a consumer that goes away after a few messages.
    pub(crate) fn stream_to(&self, sent: Sent) -> Streamed {
        let duplex = Duplex {
            sender: StreamSender_TO::from_value(sent.clone(), TD_Opaque),
            receiver: silence(),
        };
        let operation = "text-inference/1/stream";
        let body = request().to_string().into_bytes().into();
        let handling =
            self.plugin.open(operation.into(), self.context(), RVec::new(), body, duplex);
        let end = unboxed(block_on(handling));
        let messages = sent.messages.lock().expect("nothing panics there");
        let events = messages.iter().filter(|(kind, _)| *kind == message_kind::EVENT);
        Streamed {
            accepted: messages.first().is_some_and(|(kind, _)| *kind == message_kind::HEAD),
            events: events
                .map(|(_, body)| serde_json::from_slice(body).expect("an event"))
                .collect(),
            end,
        }
    }

    fn call<T: DeserializeOwned>(
        &self,
        operation: &str,
        body: &Value,
    ) -> Result<T, Box<CallError>> {
        let body = body.to_string().into_bytes().into();
        let reply = self.plugin.call(operation.into(), self.context(), RVec::new(), body);
        let reply = unboxed(block_on(reply))?;
        Ok(serde_json::from_slice(&reply.body).expect("the answer is what the contract says"))
    }

    fn context(&self) -> CallContext {
        let remaining = self.patience.map(|patience| patience.as_nanos());
        CallContext {
            call_id: 1,
            remaining_ns: remaining
                .map_or(NO_DEADLINE, |left| left.try_into().expect("a short wait")),
            trace: TraceContext::default(),
            caller: "gateway".into(),
            depth: 0,
            idempotency_key: Default::default(),
        }
    }
}

fn unboxed<T>(result: RResult<T, RBox<CallError>>) -> Result<T, Box<CallError>> {
    result.into_result().map_err(RBox::into_box)
}

fn request() -> Value {
    let hello = json!({ "role": "user", "content": [{ "type": "text", "text": "private words" }] });
    json!({ "model": "m", "messages": [hello] })
}

/// A response of status 200 that sends events.
pub(crate) fn events(steps: Vec<Step>) -> Act {
    let headers = vec![("content-type", "text/event-stream; charset=utf-8".to_owned())];
    Act::Respond { status: 200, headers, steps }
}

/// A response of one JSON text.
pub(crate) fn answer(status: u16, body: &Value) -> Act {
    answer_with(status, vec![], body)
}

/// The same with further headers.
pub(crate) fn answer_with(
    status: u16,
    mut headers: Vec<(&'static str, String)>,
    body: &Value,
) -> Act {
    headers.push(("content-type", "application/json".to_owned()));
    Act::Respond { status, headers, steps: vec![Step::Send(body.to_string().into_bytes())] }
}

/// A refusal without a body.
pub(crate) fn refusal(status: u16, headers: Vec<(&'static str, String)>) -> Act {
    Act::Respond { status, headers, steps: vec![] }
}

pub(crate) fn text_event(text: &str) -> Step {
    event(&json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }))
}

pub(crate) fn stop_event() -> Step {
    event(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }))
}

pub(crate) fn event(data: &Value) -> Step {
    Step::Send(format!("data: {data}\n\n").into_bytes())
}

pub(crate) fn done() -> Step {
    Step::Send(b"data: [DONE]\n\n".to_vec())
}

/// A whole good stream.
pub(crate) fn good_stream() -> Act {
    events(vec![text_event("he"), text_event("llo"), stop_event(), done()])
}

/// A whole good answer.
pub(crate) fn good_answer() -> Act {
    answer(
        200,
        &json!({
            "model": "m-2",
            "choices": [{ "message": { "content": "hello" }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 2, "completion_tokens": 1 },
        }),
    )
}

/// Polls a future until it is done. Everything here is ready at once, so waiting is a defect.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Noise;
    impl Wake for Noise {
        fn wake(self: Arc<Self>) {}
    }
    let waker = Waker::from(Arc::new(Noise));
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the plugin waits for something that never comes"),
    }
}

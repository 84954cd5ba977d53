//! A host as a script: what the vendor's server sends, what the clock says, which secrets there are.
//!
//! Time passes only when the plugin waits: a sleep ends at once and moves the clock. So nothing here
//! takes time, and a server that stays silent is a timeout that has already passed.

use loader_sdk::abi::{
    CallContext, CallError, CallFuture, Duplex, Emission, End, Host as AbiHost, Host_TO, HostBox,
    Message, Metadata, OpenFuture, Opened, ReceiveOutcome, Reply, SendOutcome, StreamReceiver,
    StreamReceiver_TO, StreamSender, StreamSender_TO,
    abi_stable::{
        sabi_trait::TD_Opaque,
        std_types::{RBox, ROption, RResult, RStr, RVec},
    },
    async_ffi::{FfiFuture, FutureExt},
    class, end_reason, message_kind, receive_status, send_status,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

/// 2026-01-01T00:00:00Z, where the clock begins.
const BEGINNING_MS: u64 = 1_767_225_600_000;

/// What the vendor's server does with one request.
pub(crate) enum Act {
    /// Answers.
    Respond { status: u16, headers: Vec<(&'static str, String)>, steps: Vec<Step> },
    /// Cannot be reached.
    Unreachable,
    /// Stays silent.
    Silent,
}

/// One step of a response's body.
pub(crate) enum Step {
    Send(Vec<u8>),
    /// The connection breaks.
    Break,
    /// Nothing comes any more.
    Hang,
}

/// A request the plugin made.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

/// The script, and what came of it.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) acts: VecDeque<Act>,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) requests: Vec<Request>,
    /// Every wait, in milliseconds.
    pub(crate) sleeps: Vec<u64>,
    pub(crate) elapsed_ms: u64,
    /// Everything that was logged.
    pub(crate) log: String,
}

/// The host; clones share the script.
#[derive(Clone, Default)]
pub(crate) struct ScriptedHost(Arc<Mutex<Script>>);

impl ScriptedHost {
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().expect("no test panics while it holds the script")
    }

    pub(crate) fn boxed(&self) -> HostBox {
        Host_TO::from_value(self.clone(), TD_Opaque)
    }

    fn answer(&self, operation: &str, body: &[u8]) -> Result<Reply, RBox<CallError>> {
        let mut script = self.script();
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let body = match operation {
            "clock/1/now" => json!({
                "unix_ms": BEGINNING_MS + script.elapsed_ms,
                "monotonic_ns": script.elapsed_ms * 1_000_000,
            })
            .to_string(),
            "clock/1/sleep" => {
                let duration_ms = request["duration_ms"].as_u64().expect("a duration");
                script.sleeps.push(duration_ms);
                script.elapsed_ms += duration_ms;
                "null".to_owned()
            }
            "secrets/1/get" => {
                let name = request["name"].as_str().expect("a name");
                let secret = script.secrets.get(name).cloned();
                let message = format!("there is no secret `{name}`");
                secret.ok_or_else(|| failed(class::NOT_FOUND, "LDR-SECRET-MISSING", &message))?
            }
            _ => return Err(failed(class::UNIMPLEMENTED, "LDR-TEST", operation)),
        };
        Ok(Reply { metadata: RVec::new(), body: body.into_bytes().into() })
    }

    fn respond(
        &self,
        operation: &str,
        metadata: Metadata,
        body: RVec<u8>,
    ) -> Result<Opened, RBox<CallError>> {
        assert_eq!(operation, "http-client/1/stream", "the only stream the plugin needs");
        let text = |bytes: RVec<u8>| String::from_utf8(bytes.into_vec()).expect("a text header");
        let headers =
            metadata.into_iter().map(|field| (field.key.into_string(), text(field.value)));
        let mut script = self.script();
        script.requests.push(Request { headers: headers.collect(), body: body.into_vec() });
        match script.acts.pop_front().expect("a request more than the script has acts") {
            Act::Respond { status, headers, steps } => {
                let headers = headers.into_iter().map(|(key, value)| (key, value.into_bytes()));
                let status = (":status", status.to_string().into_bytes());
                let metadata = std::iter::once(status).chain(headers).map(|(key, value)| {
                    loader_sdk::abi::Field { key: key.into(), value: value.into() }
                });
                let receiver = Steps(Mutex::new(steps.into()));
                let sender = Sent::default();
                Ok(Opened {
                    head: Reply { metadata: metadata.collect(), body: RVec::new() },
                    stream: Duplex {
                        sender: StreamSender_TO::from_value(sender, TD_Opaque),
                        receiver: StreamReceiver_TO::from_value(receiver, TD_Opaque),
                    },
                })
            }
            Act::Unreachable => {
                Err(failed(class::UNAVAILABLE, "LDR-HTTP-UNREACHABLE", "connection refused"))
            }
            Act::Silent => Err(failed(class::DEADLINE, "LDR-CALL-DEADLINE", "the deadline passed")),
        }
    }
}

fn failed(class: u32, code: &str, message: &str) -> RBox<CallError> {
    RBox::new(CallError::new(class, code, message))
}

impl AbiHost for ScriptedHost {
    fn call(&self, operation: RStr<'_>, _: CallContext, _: Metadata, body: RVec<u8>) -> CallFuture {
        let answer = RResult::from(self.answer(operation.as_str(), &body));
        async move { answer }.into_ffi()
    }

    fn open(
        &self,
        operation: RStr<'_>,
        _: CallContext,
        metadata: Metadata,
        body: RVec<u8>,
    ) -> OpenFuture {
        let opened = RResult::from(self.respond(operation.as_str(), metadata, body));
        async move { opened }.into_ffi()
    }

    fn emit(&self, emission: Emission<'_>) {
        let fields = String::from_utf8_lossy(emission.fields.as_slice()).into_owned();
        let line = format!("{} {} {fields}\n", emission.target, emission.name);
        self.script().log.push_str(&line);
    }

    fn enabled(&self, _: u32, _: RStr<'_>) -> bool {
        true
    }
}

/// A response's body being received.
struct Steps(Mutex<VecDeque<Step>>);

impl StreamReceiver for Steps {
    fn try_receive(&self) -> ReceiveOutcome {
        let mut steps = self.0.lock().expect("nothing panics here");
        let none = |status| ReceiveOutcome { status, message: ROption::RNone, end: ROption::RNone };
        let end = |reason, error| ReceiveOutcome {
            end: ROption::RSome(RBox::new(End { reason, error })),
            ..none(receive_status::ENDED)
        };
        match steps.pop_front() {
            Some(Step::Send(bytes)) => ReceiveOutcome {
                message: ROption::RSome(Message {
                    kind: message_kind::DATA,
                    metadata: RVec::new(),
                    body: bytes.into(),
                }),
                ..none(receive_status::MESSAGE)
            },
            Some(Step::Break) => {
                let broken = "the connection broke off";
                let error = failed(class::UNAVAILABLE, "LDR-HTTP-BROKEN", broken);
                end(end_reason::ERROR, ROption::RSome(error))
            }
            Some(Step::Hang) => {
                steps.push_front(Step::Hang);
                none(receive_status::EMPTY)
            }
            None => end(end_reason::DONE, ROption::RNone),
        }
    }

    fn readable(&self) -> FfiFuture<()> {
        std::future::pending().into_ffi()
    }

    fn close(&self) {}
}

/// A message's kind and body.
pub(crate) type SentMessage = (u32, Vec<u8>);

/// What was sent into a stream.
#[derive(Clone, Default)]
pub(crate) struct Sent {
    pub(crate) messages: Arc<Mutex<Vec<SentMessage>>>,
    /// How many messages the other side takes before it goes away; all of them when unset.
    pub(crate) patience: Option<usize>,
}

impl StreamSender for Sent {
    fn try_send(&self, message: Message) -> SendOutcome {
        let mut messages = self.messages.lock().expect("nothing panics here");
        if self.patience.is_some_and(|patience| messages.len() >= patience) {
            return SendOutcome { status: send_status::ENDED, returned: ROption::RSome(message) };
        }
        messages.push((message.kind, message.body.into_vec()));
        SendOutcome { status: send_status::SENT, returned: ROption::RNone }
    }

    fn writable(&self) -> FfiFuture<()> {
        std::future::ready(()).into_ffi()
    }

    fn credit(&self) -> u32 {
        1
    }

    fn close(&self, _: End) {}
}

/// A receiver of nothing: the caller says no more than its request.
pub(crate) fn silence() -> loader_sdk::abi::StreamReceiverBox {
    StreamReceiver_TO::from_value(Steps(Mutex::default()), TD_Opaque)
}

//! `hook/1`.

use super::{
    Chapter,
    bench::{Bench, read},
    promise::{Kept, broken, fault, given, promises, unasked},
    sample::Sample,
};
use loader_contract::{
    hook::{
        AfterToolCall, AgentStartChange, BeforeAgentStart, BeforeModelResolve, BeforePromptBuild,
        BeforeReply, BeforeToolCall, CONTRACT, Custom, CustomChange, DEADLINE_MS, GatewayMoment,
        MessageChange, MessageReceived, MessageSent, ModelOverride, PromptChange, ReplyChange,
        Session, ToolAnswerChange, ToolCallChange, event,
    },
    text_inference::{Message, Role},
};
use loader_core::message::Reply;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "answers-its-event", "The event that `on` names is answered with what it may change."
            => answers;
        "answers-an-empty-event", "An event that says next to nothing is no defect." => bears_little;
        "keeps-its-deadline", "It answers within its `deadline_ms`." => is_quick;
        "changes-only-what-it-may", "It answers no field that its event does not have." => keeps_within;
    }),
    sample: |_, asked| Sample::Json(full(asked)),
    safe: None,
};

/// One event: a full request, an empty one, and what an answer may hold.
struct Kind {
    name: &'static str,
    full: fn() -> Value,
    empty: fn() -> Value,
    check: fn(&[u8]) -> Kept,
    fields: &'static [&'static str],
}

fn kind<Q: Serialize + Default, A: DeserializeOwned>(
    name: &'static str,
    full: fn() -> Value,
    fields: &'static [&'static str],
) -> Kind {
    Kind { name, full, empty: || json!(Q::default()), check: |body| check::<A>(body), fields }
}

/// An answer that is no change, or one of this type.
fn check<A: DeserializeOwned>(body: &[u8]) -> Kept {
    read::<Option<A>>("its event", body).map(drop)
}

fn kinds() -> [Kind; 13] {
    const MODEL: &[&str] = &["provider", "model"];
    const PROMPT: &[&str] = &["system_prompt", "prepend_context"];
    const BOTH: &[&str] = &["provider", "model", "system_prompt", "prepend_context"];
    const TEXT: &[&str] = &["text", "drop"];
    [
        kind::<BeforeModelResolve, ModelOverride>(
            event::BEFORE_MODEL_RESOLVE,
            || {
                json!({
                    "model": "echo/echo", "caller": "gateway",
                })
            },
            MODEL,
        ),
        kind::<BeforePromptBuild, PromptChange>(
            event::BEFORE_PROMPT_BUILD,
            || {
                json!({
                    "model": "echo/echo", "messages": conversation(), "caller": "gateway",
                })
            },
            PROMPT,
        ),
        kind::<BeforeAgentStart, AgentStartChange>(
            event::BEFORE_AGENT_START,
            || {
                json!({
                    "model": "echo/echo", "messages": conversation(), "caller": "gateway",
                })
            },
            BOTH,
        ),
        kind::<MessageReceived, MessageChange>(event::MESSAGE_RECEIVED, || said("sender"), TEXT),
        kind::<BeforeReply, ReplyChange>(event::BEFORE_REPLY, || said("to"), TEXT),
        kind::<MessageSent, Value>(event::MESSAGE_SENT, || said("to"), &[]),
        kind::<BeforeToolCall, ToolCallChange>(
            event::BEFORE_TOOL_CALL,
            || {
                json!({
                    "tool": "calculate", "arguments": { "expression": "1 + 1" }, "caller": "gateway",
                })
            },
            &["arguments", "refuse"],
        ),
        kind::<AfterToolCall, ToolAnswerChange>(
            event::AFTER_TOOL_CALL,
            || {
                json!({
                    "tool": "calculate", "arguments": { "expression": "1 + 1" }, "content": "2",
                    "failed": false,
                })
            },
            &["content"],
        ),
        kind::<Session, Value>(event::SESSION_STARTED, session, &[]),
        kind::<Session, Value>(event::SESSION_ENDED, session, &[]),
        kind::<GatewayMoment, Value>(event::GATEWAY_STARTED, moment, &[]),
        kind::<GatewayMoment, Value>(event::GATEWAY_STOPPING, moment, &[]),
        kind::<Custom, CustomChange>(
            event::CUSTOM,
            || {
                json!({
                    "name": "test.happened", "payload": { "number": 1 },
                })
            },
            &["payload"],
        ),
    ]
}

fn conversation() -> Value {
    json!([Message::text(Role::System, "Be brief."), Message::text(Role::User, "Hello.")])
}

fn session() -> Value {
    json!({ "channel": "irc", "account": "main", "conversation": "#test" })
}

fn said(by: &str) -> Value {
    let mut said = session();
    said["text"] = json!("Hello.");
    said[by] = json!("ada");
    said
}

fn moment() -> Value {
    json!({ "host": "loader 0.1.0" })
}

fn full(asked: &str) -> Value {
    kinds().into_iter().find(|kind| kind.name == asked).map_or(Value::Null, |kind| (kind.full)())
}

/// The event that this hook is for.
fn own(bench: &Bench) -> Kept<Kind> {
    let on = bench.attribute("on").as_str().unwrap_or_default();
    match kinds().into_iter().find(|kind| kind.name == on) {
        Some(kind) => Ok(kind),
        None => unasked("the manifest's `on` names no event"),
    }
}

fn request(bench: &Bench, kind: &Kind) -> Value {
    let mut request = (kind.full)();
    if kind.name == event::CUSTOM
        && let Some(name) = bench.attribute("name").as_str()
    {
        request["name"] = json!(name);
    }
    request
}

async fn ask(bench: &Bench, kind: &Kind, request: &Value) -> Kept<Reply> {
    let answer = bench.send(kind.name, request).await;
    answer.or_else(|failure| fault(&format!("`{}`", kind.name), &failure))
}

async fn answers(bench: &Bench) -> Kept {
    let kind = own(bench)?;
    (kind.check)(&ask(bench, &kind, &request(bench, &kind)).await?.body)
}

async fn bears_little(bench: &Bench) -> Kept {
    let kind = own(bench)?;
    let mut request = (kind.empty)();
    if kind.name == event::CUSTOM {
        request["name"] = json!(bench.attribute("name").as_str().unwrap_or("test.happened"));
    }
    (kind.check)(&ask(bench, &kind, &request).await?.body)
}

async fn is_quick(bench: &Bench) -> Kept {
    let kind = own(bench)?;
    let limit =
        Duration::from_millis(bench.attribute("deadline_ms").as_u64().unwrap_or(DEADLINE_MS));
    let began = Instant::now();
    given(ask(bench, &kind, &request(bench, &kind)).await)?;
    let took = began.elapsed();
    match took <= limit {
        true => Ok(()),
        false => broken(
            format!("it took {took:?}; its deadline is {limit:?}, after which it is passed over"),
            "answer sooner, or say a longer `deadline_ms` in plugin.toml",
        ),
    }
}

async fn keeps_within(bench: &Bench) -> Kept {
    let kind = own(bench)?;
    let reply = given(ask(bench, &kind, &request(bench, &kind)).await)?;
    let change: Value = read("its event", &reply.body)?;
    let names: Vec<&String> =
        change.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    match names.into_iter().find(|name| !kind.fields.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => broken(
            format!("it answers `{}`, which `{}` cannot change", name.escape_debug(), kind.name),
            match kind.fields {
                [] => "answer nothing: the event is only told".to_owned(),
                fields => format!("answer some of {}, or nothing", fields.join(", ")),
            },
        ),
    }
}

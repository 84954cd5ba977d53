//! `hook/1`.

use super::{
    Chapter,
    bench::{Bench, expect_within, read},
    promise::{Kept, broken, given, promises, unasked},
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
use std::time::Duration;

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "answers-its-event", "The event that `on` names is answered with what it may change."
            => answers;
        "answers-an-empty-event", "An event that says next to nothing is no defect." => bears_little;
        "keeps-its-deadline", "It answers within its `deadline_ms`." => is_quick;
        "changes-only-what-it-may", "It answers no field that its event does not have." => keeps_within;
    }),
    sample,
    told_by: None,
    safe: None,
};

fn sample(_: &Bench, asked: &str) -> Sample {
    let meant = kinds().into_iter().find(|kind| kind.name == asked);
    meant.map_or(Sample::Nothing, |kind| Sample::Json(kind.full))
}

/// One event: a full request, an empty one, and what an answer may hold.
struct Kind {
    name: &'static str,
    full: Value,
    empty: Value,
    check: fn(&[u8]) -> Kept,
    fields: &'static [&'static str],
}

fn kind<Q: Serialize + Default, A: DeserializeOwned>(
    name: &'static str,
    full: Q,
    fields: &'static [&'static str],
) -> Kind {
    Kind { name, full: json!(full), empty: json!(Q::default()), check: check::<A>, fields }
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
    let model = || "echo/echo".to_owned();
    let caller = || "gateway".to_owned();
    let messages =
        || vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Hello.")];
    let session =
        || Session { channel: "irc".into(), account: "main".into(), conversation: "#test".into() };
    let moment = || GatewayMoment { host: "loader 0.1.0".into() };
    let text = || "Hello.".to_owned();
    let (tool, arguments) = ("calculate", json!({ "expression": "1 + 1" }));
    [
        kind::<_, ModelOverride>(
            event::BEFORE_MODEL_RESOLVE,
            BeforeModelResolve { model: model(), caller: caller() },
            MODEL,
        ),
        kind::<_, PromptChange>(
            event::BEFORE_PROMPT_BUILD,
            BeforePromptBuild { model: model(), messages: messages(), caller: caller() },
            PROMPT,
        ),
        kind::<_, AgentStartChange>(
            event::BEFORE_AGENT_START,
            BeforeAgentStart { model: model(), messages: messages(), caller: caller() },
            BOTH,
        ),
        kind::<_, MessageChange>(
            event::MESSAGE_RECEIVED,
            MessageReceived { session: session(), sender: "ada".into(), text: text() },
            TEXT,
        ),
        kind::<_, ReplyChange>(
            event::BEFORE_REPLY,
            BeforeReply { session: session(), text: text() },
            TEXT,
        ),
        kind::<_, Value>(
            event::MESSAGE_SENT,
            MessageSent { session: session(), text: text() },
            &[],
        ),
        kind::<_, ToolCallChange>(
            event::BEFORE_TOOL_CALL,
            BeforeToolCall { tool: tool.into(), arguments: arguments.clone(), caller: caller() },
            &["arguments", "refuse"],
        ),
        kind::<_, ToolAnswerChange>(
            event::AFTER_TOOL_CALL,
            AfterToolCall { tool: tool.into(), arguments, content: "2".into(), failed: false },
            &["content"],
        ),
        kind::<_, Value>(event::SESSION_STARTED, session(), &[]),
        kind::<_, Value>(event::SESSION_ENDED, session(), &[]),
        kind::<_, Value>(event::GATEWAY_STARTED, moment(), &[]),
        kind::<_, Value>(event::GATEWAY_STOPPING, moment(), &[]),
        kind::<_, CustomChange>(
            event::CUSTOM,
            Custom { name: "test.happened".into(), payload: json!({ "number": 1 }) },
            &["payload"],
        ),
    ]
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
    let mut request = kind.full.clone();
    if kind.name == event::CUSTOM
        && let Some(name) = bench.attribute("name").as_str()
    {
        request["name"] = json!(name);
    }
    request
}

async fn ask(bench: &Bench, kind: &Kind, request: &Value) -> Kept<Reply> {
    let answer = bench.send(kind.name, request).await;
    let change = "answer nothing where there is nothing to change, whatever the event lacks";
    answer.or_else(|failure| bench.fault(&format!("`{}`", kind.name), &failure, change))
}

async fn answers(bench: &Bench) -> Kept {
    let kind = own(bench)?;
    (kind.check)(&ask(bench, &kind, &request(bench, &kind)).await?.body)
}

async fn bears_little(bench: &Bench) -> Kept {
    let kind = own(bench)?;
    let mut request = kind.empty.clone();
    if kind.name == event::CUSTOM {
        request["name"] = json!(bench.attribute("name").as_str().unwrap_or("test.happened"));
    }
    (kind.check)(&ask(bench, &kind, &request).await?.body)
}

async fn is_quick(bench: &Bench) -> Kept {
    let kind = own(bench)?;
    let limit =
        Duration::from_millis(bench.attribute("deadline_ms").as_u64().unwrap_or(DEADLINE_MS));
    let request = request(bench, &kind);
    let hint =
        "answer sooner, or say a longer `deadline_ms` in plugin.toml: after that it is passed over";
    expect_within(limit, &format!("`{}`", kind.name), hint, ask(bench, &kind, &request)).await
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

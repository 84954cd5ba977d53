//! `tool/1`.

use super::{
    Chapter,
    bench::Bench,
    promise::{Kept, broken, given, promises, said, unasked},
    sample::{self, Sample},
};
use loader_abi::class;
use loader_contract::tool::{
    CONTRACT, CallTool, MAX_ANSWER_BYTES, ToolAnswer, ToolDescription, method,
};
use serde_json::Value;

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "describes-what-it-does", "`describe` says in words what the tool does." => describes;
        "schema-is-an-object", "`parameters` is the JSON Schema of an object." => has_object_schema;
        "schema-compiles", "`parameters` is a schema that can be checked against." => compiles;
        "description-is-steady", "`describe` says the same when it is asked twice." => is_steady;
        "answers-a-call", "A call whose arguments match the schema is answered." => answers;
        "answer-says-something", "An answer says in words what came of it." => says_something;
        "answer-is-within-size", "An answer's text has at most 256 KiB." => is_within_size;
    }),
    sample,
    told_by: Some(method::DESCRIBE),
    safe: Some(method::DESCRIBE),
};

fn sample(bench: &Bench, asked: &str) -> Sample {
    match (asked, request(bench)) {
        (method::CALL, Some(request)) => Sample::of(&request),
        (method::CALL, None) => Sample::Unmade(UNMADE),
        _ => Sample::Nothing,
    }
}

/// Why a tool is not called. The host would not call it with arguments that its schema forbids.
const UNMADE: &str = "the suite makes no arguments for the schema that `describe` answers";

/// A call with arguments that match the tool's schema.
fn request(bench: &Bench) -> Option<CallTool> {
    let arguments = sample::arguments(bench.told.as_ref()?.get("parameters")?)?;
    Some(CallTool { tool: String::new(), arguments })
}

async fn describe(bench: &Bench) -> Kept<ToolDescription> {
    let change = "describe the tool with `describe_tool::<Arguments>(…)`, whatever it lacks: it is asked once";
    bench.ask_for(method::DESCRIBE, change).await
}

async fn describes(bench: &Bench) -> Kept {
    match describe(bench).await?.description.trim() {
        "" => broken(
            "`describe` answers an empty description",
            "say what the tool does and when to use it: models choose tools by it",
        ),
        _ => Ok(()),
    }
}

async fn has_object_schema(bench: &Bench) -> Kept {
    let parameters = describe(bench).await?.parameters;
    match parameters["type"].as_str() {
        Some("object") => Ok(()),
        _ => broken(
            format!("`parameters` is {}, not the schema of an object", shortened(&parameters)),
            "answer `describe_tool::<Arguments>(…)` of a struct with #[arguments], or at least \
             {\"type\":\"object\"}",
        ),
    }
}

fn shortened(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

async fn compiles(bench: &Bench) -> Kept {
    let parameters = describe(bench).await?.parameters;
    jsonschema::validator_for(&parameters).map(drop).or_else(|error| {
        broken(
            format!("`parameters` is no JSON Schema: {error}"),
            "correct the schema; `describe_tool::<Arguments>(…)` derives one from a struct",
        )
    })
}

async fn is_steady(bench: &Bench) -> Kept {
    match describe(bench).await? == describe(bench).await? {
        true => Ok(()),
        false => broken(
            "`describe` says something else each time",
            "describe the tool the same way as long as it is loaded: hosts ask once",
        ),
    }
}

/// Calls the tool with arguments that match its schema.
async fn call(bench: &Bench) -> Kept<ToolAnswer> {
    let Some(request) = request(bench) else { return unasked(UNMADE) };
    let what = format!("a call with {}", request.arguments);
    match bench.send(method::CALL, &request).await {
        Ok(reply) => super::bench::read(method::CALL, &reply.body),
        Err(failure) if failure.class == class::INVALID => broken(
            format!("{what}, which the schema allows, is refused with {}", said(&failure)),
            "say in the schema what is taken; what is wrong besides is a `ToolAnswer::failed(…)`",
        ),
        Err(failure) => {
            let change =
                "answer what goes wrong with `ToolAnswer::failed(…)`: a model can act on it";
            bench.fault(&what, &failure, change)
        }
    }
}

async fn answers(bench: &Bench) -> Kept {
    call(bench).await.map(drop)
}

async fn says_something(bench: &Bench) -> Kept {
    let answer = given(call(bench).await)?;
    match (answer.content.trim(), answer.failed) {
        ("", true) => broken(
            "a call failed and does not say why",
            "say it in `ToolAnswer::failed(…)`: a model can act on it",
        ),
        ("", false) => broken(
            "a call is answered with an empty text",
            "say what came of it in `ToolAnswer::done(…)`, even if that is nothing: models read it",
        ),
        _ => Ok(()),
    }
}

async fn is_within_size(bench: &Bench) -> Kept {
    let size = given(call(bench).await)?.content.len();
    match size <= MAX_ANSWER_BYTES {
        true => Ok(()),
        false => broken(
            format!("an answer has {size} bytes; the host takes {MAX_ANSWER_BYTES}"),
            "cut the answer, and say that there is more and how to get it",
        ),
    }
}

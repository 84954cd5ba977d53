//! `text-inference/1`.

use super::{
    Chapter,
    bench::{Bench, Gathered, expect_distinct, expect_refusal, read},
    every,
    promise::{Kept, broken, given, is_for_want, promises, said, unasked},
    sample::Sample,
};
use loader_abi::{class, message_kind};
use loader_contract::text_inference::{
    CONTRACT, GenerateRequest, GenerateResponse, Message, ModelList, Role, StreamEvent, code,
    method,
};
use loader_core::message::Metadata;
use serde_json::json;

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "models-are-told-apart", "Models have ids, and no two the same." => models_differ;
        "stream-ends-with-finish", "The last event of a stream is `finish`, and nothing comes after."
            => ends_with_finish;
        "stream-says-something", "A stream has text or calls of tools in it." => says_something;
        "stream-ends-with-its-caller", "A stream whose caller goes away leaves no task behind."
            => ends_with_its_caller;
        "generate-answers", "`generate` answers a message of the assistant's." => generates;
        "generate-can-be-opened", "`generate` as a stream puts together the same kind of answer."
            => generates_in_pieces;
        "generate-and-stream-agree", "A model that always says the same says it both ways." => agrees;
        "refuses-unknown-models", "A model it does not have is `model_not_found`." => refuses_models;
        "bears-unknown-parts", "A part of a message that it does not know is no defect." => bears_parts;
    }),
    sample,
    told_by: None,
    safe: Some(method::MODELS),
};

fn sample(_: &Bench, asked: &str) -> Sample {
    match asked {
        method::MODELS => Sample::Nothing,
        _ => Sample::of(&request("no-such-model")),
    }
}

/// What to change where models are not listed.
const LIST: &str = "list the models that are known, and none where there are none";

/// What to change where the first model does not answer.
const ANSWER: &str = "answer for each model that `models` lists, or fail as unavailable where what it stands \
                      on is";

fn request(model: &str) -> GenerateRequest {
    GenerateRequest {
        model: model.into(),
        messages: vec![Message::text(Role::User, "Say hello.")],
        max_tokens: Some(64),
        ..GenerateRequest::default()
    }
}

/// A request of the first model.
async fn first(bench: &Bench) -> Kept<GenerateRequest> {
    let models: ModelList = bench.ask_for(method::MODELS, LIST).await?;
    match models.models.first() {
        Some(model) => Ok(request(&model.id)),
        None => unasked("it has no models"),
    }
}

async fn models_differ(bench: &Bench) -> Kept {
    let models: ModelList = bench.ask_for(method::MODELS, LIST).await?;
    expect_distinct("model", "id", models.models.iter().map(|model| model.id.as_str()))
}

async fn events(bench: &Bench) -> Kept<(Vec<StreamEvent>, Gathered)> {
    let request = first(bench).await?;
    let spoken = bench.gather(method::STREAM, &request, ANSWER).await?;
    let own = spoken.messages.iter().filter(|message| message.kind == message_kind::EVENT);
    let events = own.map(|message| read("an event of `stream`", &message.body));
    Ok((events.collect::<Kept<Vec<_>>>()?, spoken))
}

/// Expects an answer not to have broken off, but for want of what is not here.
fn require_end(what: &str, spoken: &Gathered, change: &str) -> Kept {
    match spoken.end.clone().into_failure() {
        Some(failure) if is_for_want(&failure) => {
            unasked(format!("its model needs what is not here: {}", said(&failure)))
        }
        _ => spoken.require_end(what, change),
    }
}

async fn ends_with_finish(bench: &Bench) -> Kept {
    let (events, spoken) = events(bench).await?;
    require_end(
        "the stream",
        &spoken,
        "send `finish` and return without an error when the answer is complete",
    )?;
    let is_finish = |event: &StreamEvent| matches!(event, StreamEvent::Finish { .. });
    let finishes = events.iter().filter(|event| is_finish(event)).count();
    match events.last() {
        Some(last) if is_finish(last) && finishes == 1 => Ok(()),
        Some(_) if finishes > 0 => {
            broken("events come after `finish`", "send `finish` once, as the last event")
        }
        _ => broken(
            "the stream ends without `finish`: hosts take the answer for cut off",
            "end every complete answer with `events.finish(…)`",
        ),
    }
}

async fn says_something(bench: &Bench) -> Kept {
    given(ends_with_finish(bench).await)?;
    let (events, _) = given(events(bench).await)?;
    let says = |event: &StreamEvent| match event {
        StreamEvent::Text { text } => !text.is_empty(),
        StreamEvent::ToolCall { .. } => true,
        StreamEvent::Finish { .. } | StreamEvent::Unknown => false,
    };
    match events.iter().any(says) {
        true => Ok(()),
        false => broken(
            "the stream has neither text nor calls of tools in it",
            "send what the model says with `events.text(…)`",
        ),
    }
}

async fn ends_with_its_caller(bench: &Bench) -> Kept {
    let request = first(bench).await?;
    let body = serde_json::to_vec(&request).unwrap_or_default();
    every::leaves_nothing_of(bench, async {
        let _ = bench.open(method::STREAM, Metadata::new(), body).await;
    })
    .await
}

async fn generate(bench: &Bench) -> Kept<GenerateResponse> {
    let request = first(bench).await?;
    match bench.send(method::GENERATE, &request).await {
        Ok(reply) => read(method::GENERATE, &reply.body),
        Err(failure) if failure.class == class::UNIMPLEMENTED => broken(
            format!("`generate` is not answered as a call: {}", said(&failure)),
            "answer `generate` both ways: called, and opened",
        ),
        Err(failure) => bench.fault("`generate`", &failure, ANSWER),
    }
}

fn require_answer(answer: &GenerateResponse) -> Kept {
    let message = &answer.message;
    if message.role != Role::Assistant {
        return broken(
            format!("`generate` answers a message whose role is {:?}", message.role),
            "answer with `role: Role::Assistant`",
        );
    }
    match message.joined_text().is_empty() && message.tool_calls.is_empty() {
        false => Ok(()),
        true => broken(
            "`generate` answers a message with nothing in it",
            "put what the model says into `message.content`, or fail",
        ),
    }
}

async fn generates(bench: &Bench) -> Kept {
    require_answer(&generate(bench).await?)
}

async fn generates_in_pieces(bench: &Bench) -> Kept {
    let request = first(bench).await?;
    let spoken = bench.gather(method::GENERATE, &request, ANSWER).await?;
    require_end("`generate`, opened,", &spoken, "fail before the head, or answer to the end")?;
    require_answer(&read("`generate`, opened,", &spoken.data())?)
}

async fn agrees(bench: &Bench) -> Kept {
    given(generates(bench).await)?;
    given(says_something(bench).await)?;
    let whole = given(generate(bench).await)?.message.joined_text();
    if whole != given(generate(bench).await)?.message.joined_text() {
        return unasked("the model does not say the same twice");
    }
    let (events, _) = given(events(bench).await)?;
    let pieces = events.into_iter().filter_map(|event| match event {
        StreamEvent::Text { text } => Some(text),
        _ => None,
    });
    let pieces: String = pieces.collect();
    match pieces == whole {
        true => Ok(()),
        false => broken(
            format!("`generate` says {whole:?}, `stream` says {pieces:?}"),
            "answer both from the same source; `generate` is `stream` put together if left out",
        ),
    }
}

async fn refuses_models(bench: &Bench) -> Kept {
    given(generate(bench).await)?;
    let request = request("no-such-model");
    let answer = bench.send(method::GENERATE, &request).await;
    expect_refusal("an unknown model", answer, class::NOT_FOUND, &[code::MODEL_NOT_FOUND])
}

async fn bears_parts(bench: &Bench) -> Kept {
    given(generate(bench).await)?;
    let request = first(bench).await?;
    let mut request = serde_json::to_value(request).unwrap_or_default();
    request["messages"][0]["content"] =
        json!([{ "type": "of-a-newer-host" }, { "type": "text", "text": "Hello." }]);
    let body = request.to_string().into_bytes();
    match bench.call(method::GENERATE, Metadata::new(), body).await {
        Err(failure) if failure.is_own_fault() => broken(
            format!("a part it does not know fails with {}", said(&failure)),
            "answer `invalid_request` to parts that are `Part::Unknown`, or leave them out",
        ),
        Err(failure) if is_for_want(&failure) => bench.fault("`generate`", &failure, ANSWER),
        _ => Ok(()),
    }
}

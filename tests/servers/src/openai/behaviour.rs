//! The behaviours, one per model name, and the reply that each gives.
//!
//! Every reply ends by itself within [`SILENCE`] and a little, so that no test can hang for good.

use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::Value;

use super::answer::Answer;
use super::reply::{Reply, Step};
use super::request::ChatRequest;

/// How long a silence lasts that is meant to outlast every deadline under test.
const SILENCE: Duration = Duration::from_secs(100);
/// The pause between the chunks of a good stream: enough for each to travel by itself.
const PAUSE: Duration = Duration::from_millis(2);
/// The pause between the chunks of [`Behaviour::SlowStream`].
const SLOW_PAUSE: Duration = Duration::from_millis(50);
/// How many chunks of text [`Behaviour::SlowStream`] sends, which makes ten seconds.
const SLOW_CHUNKS: usize = 200;
/// How many chunks come before a stream dies or stalls.
const CHUNKS_BEFORE_TROUBLE: usize = 3;
/// The line that [`Behaviour::Huge`] repeats: 32 bytes, in characters of one to four bytes.
const HUGE_LINE: &str = "0123456789_åßé€_😀_abcde\n";
/// How many lines each delta of the huge answer has, which makes 64 KiB.
const HUGE_LINES: usize = 2048;
/// How many deltas the huge answer has, which makes 3 MiB.
const HUGE_DELTAS: usize = 48;

/// What the server does to a request, named by the model that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers well, with tools and streams.
    Good,
    /// Refuses the key with status 401.
    Unauthorized,
    /// Says with status 404 that there is no such model.
    Missing,
    /// Answers 429 with `Retry-After: 1`, always.
    RateLimited,
    /// Answers 429 with `Retry-After: 0` once per `user` of the request, then well.
    RateLimitedOnce,
    /// Answers 500, always.
    Broken,
    /// Breaks the connection off after a few chunks.
    DiesMidstream,
    /// Takes the request and stays silent.
    Silent,
    /// Sends a few chunks, then stays silent.
    StallsMidstream,
    /// Sends a chunk every 50 ms for ten seconds; a plain answer comes after ten seconds.
    SlowStream,
    /// Answers 200 with something that is neither JSON nor an event stream.
    Garbage,
    /// Answers well with 3 MiB of text, streamed in deltas of 64 KiB.
    Huge,
}

impl Behaviour {
    /// Every behaviour, in the order in which `/v1/models` lists them.
    pub const ALL: [Self; 12] = [
        Self::Good,
        Self::Unauthorized,
        Self::Missing,
        Self::RateLimited,
        Self::RateLimitedOnce,
        Self::Broken,
        Self::DiesMidstream,
        Self::Silent,
        Self::StallsMidstream,
        Self::SlowStream,
        Self::Garbage,
        Self::Huge,
    ];

    /// The name of the model that behaves like this.
    pub fn model(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unauthorized => "unauthorized",
            Self::Missing => "missing",
            Self::RateLimited => "rate-limited",
            Self::RateLimitedOnce => "rate-limited-once",
            Self::Broken => "broken",
            Self::DiesMidstream => "dies-midstream",
            Self::Silent => "silent",
            Self::StallsMidstream => "stalls-midstream",
            Self::SlowStream => "slow-stream",
            Self::Garbage => "garbage",
            Self::Huge => "huge",
        }
    }

    /// The behaviour of a model; `None` when there is no such model.
    pub fn of_model(model: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|behaviour| behaviour.model() == model)
    }

    /// What to send for a request.
    pub(super) fn reply_to(self, request: &ChatRequest) -> Reply {
        match self {
            Self::Good | Self::RateLimitedOnce => reply_well(&Answer::to(request), request),
            Self::Unauthorized => Reply::error(
                StatusCode::UNAUTHORIZED,
                "Incorrect API key provided.",
                "invalid_request_error",
                Some("invalid_api_key"),
            ),
            Self::Missing => Reply::unknown_model(&request.model),
            Self::RateLimited => Reply::rate_limited(Duration::from_secs(1)),
            Self::Broken => Reply::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The server had an error.",
                "server_error",
                None,
            ),
            Self::DiesMidstream => reply_in_part(request, vec![Step::Cut]),
            Self::Silent => {
                let message = "The silence is over.";
                Reply::error(StatusCode::GATEWAY_TIMEOUT, message, "server_error", None)
                    .after(SILENCE)
            }
            Self::StallsMidstream => reply_in_part(request, vec![Step::Wait(SILENCE), Step::Cut]),
            Self::SlowStream => reply_slowly(request),
            Self::Garbage => reply_garbage(request),
            Self::Huge => reply_hugely(request),
        }
    }
}

fn reply_well(answer: &Answer, request: &ChatRequest) -> Reply {
    if request.stream {
        stream(events(answer, request), PAUSE)
    } else {
        Reply::json(&answer.completion(request))
    }
}

/// Sends the beginning of a good reply, then plays `trouble`.
fn reply_in_part(request: &ChatRequest, trouble: Vec<Step>) -> Reply {
    let answer = Answer::Text("this answer never comes to its end".to_owned());
    let (content_type, beginning) = if request.stream {
        let events = events(&answer, request).into_iter();
        (EVENT_STREAM, paced(events.take(CHUNKS_BEFORE_TROUBLE), PAUSE))
    } else {
        let whole = answer.completion(request).to_string();
        let half = Bytes::from(whole).slice(..40);
        ("application/json", vec![Step::Send(half)])
    };
    // Without the pause the trouble could overtake what was sent.
    let pause = vec![Step::Wait(PAUSE)];
    Reply::script(content_type, [beginning, pause, trouble].concat())
}

fn reply_slowly(request: &ChatRequest) -> Reply {
    let text: Vec<String> = (1..=SLOW_CHUNKS).map(|number| number.to_string()).collect();
    let answer = Answer::Text(text.join(" "));
    if request.stream {
        stream(events(&answer, request), SLOW_PAUSE)
    } else {
        let chunks = u32::try_from(SLOW_CHUNKS).expect("a small constant");
        Reply::json(&answer.completion(request)).after(SLOW_PAUSE * chunks)
    }
}

fn reply_garbage(request: &ChatRequest) -> Reply {
    if request.stream {
        let lines =
            [&b"data: {\"choices\": [\n\n"[..], b"no event at all\n\n", b"data: \xff\xfe\n\n"];
        Reply::script(EVENT_STREAM, paced(lines.map(Bytes::from_static), PAUSE))
    } else {
        let half = Bytes::from_static(b"{\"id\": \"chatcmpl-1\", \"choices\": [");
        Reply::script("application/json", vec![Step::Send(half)])
    }
}

/// Sends the chunks of a stream without a pause, so that they arrive glued together and are cut in
/// arbitrary places, also within a character.
fn reply_hugely(request: &ChatRequest) -> Reply {
    let delta = format!("{} ", HUGE_LINE.repeat(HUGE_LINES));
    let answer = Answer::Text(delta.repeat(HUGE_DELTAS));
    if request.stream {
        stream(events(&answer, request), Duration::ZERO)
    } else {
        Reply::json(&answer.completion(request))
    }
}

const EVENT_STREAM: &str = "text/event-stream";

/// The chunks of an answer as server-sent events.
fn events(answer: &Answer, request: &ChatRequest) -> Vec<Bytes> {
    answer.chunks(request).iter().map(event).collect()
}

fn event(chunk: &Value) -> Bytes {
    format!("data: {chunk}\n\n").into()
}

/// A whole stream: its events, and the mark that it is complete.
fn stream(mut events: Vec<Bytes>, pause: Duration) -> Reply {
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Reply::script(EVENT_STREAM, paced(events, pause))
}

/// Sends the pieces with a pause between one and the next.
fn paced(pieces: impl IntoIterator<Item = Bytes>, pause: Duration) -> Vec<Step> {
    let steps = pieces.into_iter().flat_map(|piece| [Step::Wait(pause), Step::Send(piece)]);
    steps.skip(1).collect()
}

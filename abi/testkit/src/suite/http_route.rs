//! `http-route/1`.

use super::{
    Chapter,
    bench::Bench,
    promise::{Kept, answered, broken, given, promises},
    sample::Sample,
};
use http::{HeaderName, HeaderValue, StatusCode};
use loader_abi::MAX_BODY_BYTES;
use loader_contract::http_route::{CONTRACT, METHOD, PATH, QUERY, STATUS, is_sent, method};
use loader_core::message::{Metadata, Reply};

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "answers-every-path", "Every path below its prefix has an answer with a status." => answers_paths;
        "answers-every-method", "HEAD, and a method nobody knows, have an answer." => answers_methods;
        "bears-queries", "A query that makes no sense is no defect." => bears_queries;
        "takes-large-bodies", "A body of 1 MiB has an answer." => takes_bodies;
        "headers-are-headers", "What it answers can be sent as headers." => has_headers;
    }),
    sample,
    told_by: None,
    safe: Some(method::HANDLE),
};

/// Paths as the host hands them on: canonical, below the prefix.
const PATHS: [&str; 6] = ["/", "/a", "/a/b/c", "/%E2%82%AC%20x", "/a+b;c=d", "/.well-known/x"];

fn sample(_: &Bench, _: &str) -> Sample {
    Sample::Raw(request("GET", "/"), Vec::new())
}

fn request(method: &str, path: &str) -> Metadata {
    Metadata::new().with(METHOD, method).with(PATH, path).with("host", "127.0.0.1:7280")
}

/// A request, and what it is called.
struct Asked {
    what: String,
    metadata: Metadata,
    body: Vec<u8>,
}

fn asked(what: String, metadata: Metadata) -> Asked {
    Asked { what, metadata, body: Vec::new() }
}

fn paths() -> impl Iterator<Item = Asked> {
    PATHS.into_iter().map(|path| asked(format!("GET {path}"), request("GET", path)))
}

fn methods() -> impl Iterator<Item = Asked> {
    let methods = ["HEAD", "OPTIONS", "DELETE", "BREW"].into_iter();
    methods.map(|method| asked(format!("{method} /"), request(method, "/")))
}

fn queries() -> impl Iterator<Item = Asked> {
    let queries = ["", "a=1&b", "%zz&=&&a=%ff", "a=\u{fffd}"].into_iter();
    queries.map(|query| asked(format!("GET /?{query}"), request("GET", "/").with(QUERY, query)))
}

fn large() -> Asked {
    let metadata = request("POST", "/").with("content-type", "application/json");
    let body = vec![b'x'; MAX_BODY_BYTES];
    Asked { what: "POST / with 1 MiB".to_owned(), metadata, body }
}

/// Asks; nothing where the answer is an error, of which the gateway makes one with a status.
async fn ask(bench: &Bench, asked: Asked) -> Kept<Option<Reply>> {
    let Asked { what, metadata, body } = asked;
    let answer = bench.call(method::HANDLE, metadata, body).await;
    let change = "answer with a status, or with an error of the class that fits, such as \
                  `Error::not_found`: it becomes a 4xx or 5xx";
    let Ok(reply) = answered(&what, answer, change)? else { return Ok(None) };
    let status = reply.metadata.get(STATUS).unwrap_or(b"200");
    let number = StatusCode::from_bytes(status).map_or(0, |status| status.as_u16());
    match number {
        200..=599 => Ok(Some(reply)),
        _ => broken(
            format!("{what} is answered with the status {:?}", String::from_utf8_lossy(status)),
            "answer a status from 200 to 599",
        ),
    }
}

async fn ask_all(bench: &Bench, all: impl Iterator<Item = Asked>) -> Kept {
    for asked in all {
        ask(bench, asked).await?;
    }
    Ok(())
}

async fn answers_paths(bench: &Bench) -> Kept {
    ask_all(bench, paths()).await
}

async fn answers_methods(bench: &Bench) -> Kept {
    ask_all(bench, methods()).await
}

async fn bears_queries(bench: &Bench) -> Kept {
    ask_all(bench, queries()).await
}

async fn takes_bodies(bench: &Bench) -> Kept {
    ask(bench, large()).await.map(drop)
}

async fn has_headers(bench: &Bench) -> Kept {
    let all = paths().chain(methods()).chain(queries()).chain([large()]);
    for asked in all {
        let what = asked.what.clone();
        if let Some(reply) = given(ask(bench, asked).await)? {
            require_headers(&what, &reply.metadata)?;
        }
    }
    Ok(())
}

/// What the gateway could not send as a header makes no answer of the whole.
fn require_headers(what: &str, metadata: &Metadata) -> Kept {
    for (name, value) in metadata.iter().filter(|(name, _)| is_sent(name)) {
        let is_name = HeaderName::from_bytes(name.as_bytes()).is_ok_and(|known| known == name);
        if !is_name {
            return broken(
                format!("{what} is answered with the header `{}`", name.escape_debug()),
                "name headers in lower-case letters, digits and dashes",
            );
        }
        if HeaderValue::from_bytes(value).is_err() {
            return broken(
                format!("{what} is answered with control characters in the header `{name}`"),
                "send what has line breaks in the body",
            );
        }
    }
    Ok(())
}

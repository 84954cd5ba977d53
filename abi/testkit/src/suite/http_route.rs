//! `http-route/1`.

use super::{
    Chapter,
    bench::Bench,
    promise::{Kept, advice, broken, fault, promises, said},
    sample::Sample,
};
use loader_abi::MAX_BODY_BYTES;
use loader_contract::http_route::{CONTRACT, METHOD, PATH, QUERY, STATUS, method};
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

async fn ask(bench: &Bench, what: &str, metadata: Metadata, body: Vec<u8>) -> Kept<Reply> {
    let reply = match bench.call(method::HANDLE, metadata, body).await {
        Ok(reply) => reply,
        Err(failure) if failure.is_own_fault() => {
            return broken(format!("{what} fails with {}", said(&failure)), advice(&failure));
        }
        Err(failure) => return fault(what, &failure),
    };
    let status = reply.metadata.get_text(STATUS);
    let number = status.map_or(Some(200), |status| status.parse::<u16>().ok());
    match number {
        Some(200..=599) => Ok(reply),
        _ => broken(
            format!("{what} is answered with the status {:?}", status.unwrap_or_default()),
            "answer a status from 200 to 599",
        ),
    }
}

async fn answers_paths(bench: &Bench) -> Kept {
    for path in PATHS {
        ask(bench, &format!("GET {path}"), request("GET", path), Vec::new()).await?;
    }
    Ok(())
}

async fn answers_methods(bench: &Bench) -> Kept {
    for method in ["HEAD", "OPTIONS", "DELETE", "BREW"] {
        ask(bench, &format!("{method} /"), request(method, "/"), Vec::new()).await?;
    }
    Ok(())
}

async fn bears_queries(bench: &Bench) -> Kept {
    for query in ["", "a=1&b", "%zz&=&&a=%ff", "a=\u{fffd}"] {
        let metadata = request("GET", "/").with(QUERY, query);
        ask(bench, &format!("GET /?{query}"), metadata, Vec::new()).await?;
    }
    Ok(())
}

async fn takes_bodies(bench: &Bench) -> Kept {
    let body = vec![b'x'; MAX_BODY_BYTES];
    let metadata = request("POST", "/").with("content-type", "application/json");
    ask(bench, "POST / with 1 MiB", metadata, body).await.map(drop)
}

async fn has_headers(bench: &Bench) -> Kept {
    let reply = ask(bench, "GET /", request("GET", "/"), Vec::new()).await?;
    for (name, value) in reply.metadata.iter() {
        let is_token = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
        };
        let is_name = !name.is_empty() && name.bytes().all(is_token);
        if !is_name && name != STATUS {
            return broken(
                format!("it answers the header `{}`", name.escape_debug()),
                "name headers in lower-case letters, digits and dashes",
            );
        }
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return broken(
                format!("the header `{name}` has a line break in it"),
                "send what has line breaks in the body",
            );
        }
    }
    Ok(())
}

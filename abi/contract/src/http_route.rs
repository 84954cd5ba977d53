//! `http-route/1`: a plugin answers HTTP requests below a prefix the host gives it.
//!
//! One method, `handle`. It is not JSON: the request's and the response's bodies are the call's raw
//! bodies (at most 1 MiB each) and everything else is metadata, so that a request costs no encoding.
//!
//! | metadata | request | response |
//! | --- | --- | --- |
//! | [`METHOD`] | `GET`, `POST`, … | |
//! | [`PATH`] | the canonical path below the prefix, beginning with `/` | |
//! | [`QUERY`] | the raw query, absent when there is none | |
//! | [`STATUS`] | | the status code in decimal; absent means 200 |
//! | any other key | a header | a header |
//!
//! Pseudo headers begin with a colon, as in HTTP/2, so no real header can collide with them. The
//! host removes credentials meant for itself and hop-by-hop headers before the plugin sees them.

use crate::catalogue::{Attribute, Class, Contract, Exclusive, Form, Method, Stability};
use serde_json::{Map, Value};

/// The contract's name.
pub const CONTRACT: &str = "http-route/1";

/// Methods.
pub mod method {
    /// Answers one HTTP request.
    pub const HANDLE: &str = "handle";
}

/// The request's method.
pub const METHOD: &str = ":method";
/// The request's path below the prefix.
pub const PATH: &str = ":path";
/// The request's raw query.
pub const QUERY: &str = ":query";
/// The response's status code.
pub const STATUS: &str = ":status";

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    stability: Stability::Stable,
    clash: "LDR-CONFLICT-ROUTE",
    exclusive: &[Exclusive { attribute: "prefix", default: Some("/{id}") }],
    methods: &[Method::call(method::HANDLE, "Answers one HTTP request.")],
    attributes: &[Attribute::new(
        "prefix",
        Form::Text,
        "The path that the plugin answers, with all below it; `/<id>` if unsaid.",
    )],
    ..Contract::new(CONTRACT, Class::Surface, "Answers HTTP requests below a prefix.")
};

/// Prefixes that the gateway answers itself.
const RESERVED: [&str; 3] = ["/v1", "/health", "/admin"];

/// Headers about one connection, which is the host's.
const OF_THE_CONNECTION: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The prefix of a route: what its manifest says, or its id.
pub fn prefix_of(id: &str, attributes: &Map<String, Value>) -> String {
    let said = attributes.get("prefix").and_then(Value::as_str);
    said.map_or_else(|| format!("/{id}"), str::to_owned)
}

/// What is wrong with a prefix. There is one way to write each, so that two plugins that want the same are
/// seen to.
pub fn check_prefix(prefix: &str) -> Result<(), String> {
    let is_one_place = prefix.starts_with('/')
        && !prefix.ends_with('/')
        && !prefix.contains("//")
        && !prefix.contains(['?', '#', '%'])
        && prefix.split('/').all(|part| part != "." && part != "..");
    if !is_one_place {
        return Err("it begins with `/`, does not end with it, and names one place".into());
    }
    let under = |reserved: &&&str| {
        prefix.strip_prefix(**reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match RESERVED.iter().find(under) {
        Some(reserved) => Err(format!("the gateway answers `{reserved}` itself")),
        None => Ok(()),
    }
}

/// Whether a header is about one connection, which is the host's.
pub fn is_of_the_connection(name: &str) -> bool {
    OF_THE_CONNECTION.contains(&name)
}

/// Whether metadata of this name in a response is a header that the host sends. It keeps back what is
/// none, and what it says itself.
pub fn is_sent(name: &str) -> bool {
    !name.starts_with(':')
        && !name.starts_with("ldr-")
        && name != "content-length"
        && !is_of_the_connection(name)
}

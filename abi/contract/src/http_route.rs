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

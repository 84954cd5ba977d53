//! Errors as OpenAI's clients expect them.
//!
//! Clients choose their exception by the HTTP status and show `error.message`; `error.code` is what
//! programs compare. What loader knows beyond that is under `error.loader`.

use std::borrow::Cow;

use loader_abi::class;
use loader_contract::text_inference::code;
use loader_core::message::Failure;
use serde::Serialize;

use super::to_json;
use crate::inference::TOOL_ROUNDS;

/// A failure with its HTTP status and its place in OpenAI's error format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    status: u16,
    code: Cow<'static, str>,
    parameter: Option<String>,
    // Boxed, so that the good path of every `Result` stays small.
    failure: Box<Failure>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'a str,
    param: Option<&'a str>,
    loader: Loader<'a>,
}

#[derive(Serialize)]
struct Loader<'a> {
    code: &'a str,
    class: &'static str,
    origin: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    hint: &'a str,
}

impl Complaint {
    /// A failure that is answered with this status and this OpenAI code.
    pub fn new(status: u16, code: &'static str, failure: Failure) -> Self {
        Self { status, code: Cow::Borrowed(code), parameter: None, failure: Box::new(failure) }
    }

    /// Names the field of the request that is wrong.
    #[must_use]
    pub fn about(mut self, parameter: impl Into<String>) -> Self {
        self.parameter = Some(parameter.into());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The failure it tells of.
    pub fn failure(&self) -> &Failure {
        &self.failure
    }

    /// Whole seconds after which trying again may help, rounded up.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let after = self.failure.retry_after?;
        Some(after.as_secs() + u64::from(after.subsec_nanos() > 0))
    }

    /// The JSON of the error.
    pub fn to_json(&self) -> Vec<u8> {
        let failure = &*self.failure;
        to_json(&Body {
            error: Detail {
                message: &failure.message,
                kind: kind(self.status),
                code: &self.code,
                param: self.parameter.as_deref(),
                loader: Loader {
                    code: &failure.code,
                    class: class::name(failure.class),
                    origin: &failure.origin,
                    hint: &failure.hint,
                },
            },
        })
    }
}

impl From<Failure> for Complaint {
    /// The status follows from the failure's class, so that a client can tell its own mistakes from
    /// the gateway's and from the vendor's.
    fn from(failure: Failure) -> Self {
        let status = status(&failure);
        let code = match failure.class {
            // The gateway's own 401 means its own token. Credentials that the gateway holds and
            // somebody behind it refused are the gateway's problem, not the caller's.
            class::UNAUTHENTICATED => Cow::Borrowed(code::UPSTREAM_UNAUTHORIZED),
            _ if failure.code == "LDR-CALL-TOO-LARGE" => Cow::Borrowed("request_too_large"),
            _ if failure.code == TOOL_ROUNDS => Cow::Borrowed("too_many_tool_rounds"),
            _ if failure.code.starts_with("LDR-") => Cow::Borrowed(name(failure.class)),
            _ => Cow::Owned(failure.code.clone()),
        };
        Self { status, code, parameter: None, failure: Box::new(failure) }
    }
}

fn status(failure: &Failure) -> u16 {
    let from_plugin = failure.origin.starts_with("plugin:");
    match failure.class {
        class::INVALID => 400,
        class::FORBIDDEN => 403,
        class::NOT_FOUND => 404,
        class::CONFLICT => 409,
        // The engine's limit on the size of a call is the caller's to keep, whenever it tries again.
        class::EXHAUSTED if failure.code == "LDR-CALL-TOO-LARGE" => 413,
        // Clients try again by themselves after a 429 and a 5xx, and with it everything that the tools did.
        class::EXHAUSTED if failure.code == TOOL_ROUNDS => 422,
        class::EXHAUSTED => 429,
        class::UNIMPLEMENTED => 501,
        class::UNAUTHENTICATED => 502,
        // The gateway itself is there: it notices, too, when an answer of a provider breaks off.
        class::UNAVAILABLE if from_plugin || failure.code.starts_with("upstream_") => 502,
        class::UNAVAILABLE => 503,
        class::DEADLINE => 504,
        class::CANCELLED if from_plugin => 503,
        // Nobody is there to read it; it is for the log.
        class::CANCELLED => 499,
        _ => 500,
    }
}

/// The class as OpenAI spells its codes.
fn name(number: u32) -> &'static str {
    match number {
        class::INVALID => "invalid_request",
        class::FORBIDDEN => "forbidden",
        class::NOT_FOUND => "not_found",
        class::CONFLICT => "conflict",
        class::EXHAUSTED => "rate_limit_exceeded",
        class::UNAVAILABLE => "unavailable",
        class::DEADLINE => "deadline_exceeded",
        class::CANCELLED => "cancelled",
        class::UNIMPLEMENTED => "unimplemented",
        _ => "internal_error",
    }
}

fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        504 => "timeout_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

//! What can go wrong between us and the server, and what the caller is told about it.

use crate::{credentials::Credentials, wire::complaint::Complaint};
use loader_sdk::{
    class,
    contract::{service::http_client, text_inference::code},
    prelude::*,
};
use std::time::Duration;

/// The most characters of a foreign sentence that are repeated.
const LONGEST_QUOTE: usize = 300;

/// One failed exchange with the server.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    /// Our sentence, which holds nothing of anybody else's.
    message: String,
    /// What the server or the host says about it. Cleaned before it is told to anybody.
    quote: String,
    hint: &'static str,
    /// How long the server asked to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Whether trying again can help.
    pub(crate) transient: bool,
}

/// The kinds of failure: one for each code of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NotConfigured,
    Unauthorized,
    ModelNotFound,
    InvalidRequest,
    RateLimited,
    Failed,
    Unreachable,
    Garbled,
    CutOff,
    TimedOut,
}

impl Kind {
    fn class_and_code(self) -> (u32, &'static str) {
        match self {
            Self::NotConfigured => (class::UNAVAILABLE, code::NOT_CONFIGURED),
            Self::Unauthorized => (class::UNAUTHENTICATED, code::UPSTREAM_UNAUTHORIZED),
            Self::ModelNotFound => (class::NOT_FOUND, code::MODEL_NOT_FOUND),
            Self::InvalidRequest => (class::INVALID, code::INVALID_REQUEST),
            Self::RateLimited => (class::EXHAUSTED, code::RATE_LIMITED),
            Self::Failed => (class::UNAVAILABLE, code::UPSTREAM_FAILED),
            Self::Unreachable => (class::UNAVAILABLE, code::UPSTREAM_UNREACHABLE),
            Self::Garbled => (class::UNAVAILABLE, code::UPSTREAM_GARBLED),
            Self::CutOff => (class::UNAVAILABLE, code::UPSTREAM_CUT_OFF),
            Self::TimedOut => (class::DEADLINE, code::UPSTREAM_TIMEOUT),
        }
    }
}

impl Failure {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            quote: String::new(),
            hint: "",
            retry_after: None,
            transient: false,
        }
    }

    fn quoting(self, quote: impl Into<String>) -> Self {
        Self { quote: quote.into(), ..self }
    }

    fn hinting(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// A setting is missing or cannot be used.
    pub(crate) fn not_configured(message: impl Into<String>, quote: &str) -> Self {
        Self::new(Kind::NotConfigured, message).quoting(quote).hinting(
            "set `env` or `file` under `[secrets.openai]`, or `api_key` under \
             `[plugins.entries.openai.config]` (empty for a server that wants no key)",
        )
    }

    /// The request cannot be said in the server's words.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, message)
    }

    /// The server answered with a status that says no.
    pub(crate) fn of_status(status: u16, complaint: Complaint) -> Self {
        let about_the_model = complaint.is_about_the_model();
        let failure = match status {
            // Some servers repeat the key, or most of it, in this complaint: it is not quoted.
            401 => return Self::unauthorized(status),
            403 => Self::unauthorized(status),
            404 => Self::model_not_found(),
            _ if about_the_model => Self::model_not_found(),
            402 => {
                Self::new(Kind::RateLimited, "the server says that the account has no credit left")
            }
            408 => Self::new(Kind::TimedOut, "the server gave up waiting (status 408)"),
            429 => {
                Self::new(Kind::RateLimited, "the server limits the rate or the quota (status 429)")
            }
            400..=499 => {
                let message =
                    format!("the server says that the request is wrong (status {status})");
                Self::new(Kind::InvalidRequest, message)
            }
            500..=599 => Self::new(Kind::Failed, format!("the server failed (status {status})")),
            _ => {
                let message = format!("the server answered with the unexpected status {status}");
                Self::new(Kind::Garbled, message).hinting("check `base_url`")
            }
        };
        let transient = matches!(status, 429 | 500 | 502 | 503 | 504);
        Self { transient, ..failure.quoting(complaint.message) }
    }

    fn unauthorized(status: u16) -> Self {
        let message = format!("the server refused the key (status {status})");
        Self::new(Kind::Unauthorized, message).hinting(
            "check `api_key` under `[plugins.entries.openai.config]` and the secret it names",
        )
    }

    fn model_not_found() -> Self {
        Self::new(Kind::ModelNotFound, "the server has no such model").hinting(
            "check the model's name; if no model works, check `base_url`, which usually ends in `/v1`",
        )
    }

    /// The server complained where an answer was due.
    pub(crate) fn of_complaint(complaint: Complaint) -> Self {
        Self::of_status(complaint.status(), complaint)
    }

    /// The host could not get a response.
    pub(crate) fn of_request(error: &Error) -> Self {
        match (error.class(), error.code()) {
            (class::DEADLINE, _) => Self::timed_out("the server did not begin to answer in time"),
            (_, http_client::code::INVALID_REQUEST) => {
                let message = "the host cannot send the request as it is configured";
                Self::new(Kind::NotConfigured, message).quoting(error.message()).hinting(
                    "check `base_url` and `headers` under `[plugins.entries.openai.config]`",
                )
            }
            (class, _) => {
                let failure = Self::new(Kind::Unreachable, "the server cannot be reached")
                    .quoting(error.message())
                    .hinting("check that the server runs and that `base_url` is right");
                Self { transient: class == class::UNAVAILABLE, ..failure }
            }
        }
    }

    /// The response broke off.
    pub(crate) fn of_body(error: &Error) -> Self {
        if error.class() == class::DEADLINE {
            return Self::timed_out("the deadline passed before the answer was complete");
        }
        Self::cut_off().quoting(error.message())
    }

    /// The answer ended before it was complete.
    pub(crate) fn cut_off() -> Self {
        let failure = Self::new(Kind::CutOff, "the answer broke off before it was complete");
        Self { transient: true, ..failure }
    }

    /// The server was silent for too long.
    pub(crate) fn timed_out(message: &str) -> Self {
        Self::new(Kind::TimedOut, message)
    }

    /// The answer makes no sense.
    pub(crate) fn garbled(message: impl Into<String>) -> Self {
        Self::new(Kind::Garbled, message)
    }

    /// The same failure after a part of the answer was passed on: nothing can make it unsaid.
    pub(crate) fn for_good(self) -> Self {
        Self { transient: false, ..self }
    }

    /// The contract's code.
    pub(crate) fn code(&self) -> &'static str {
        self.kind.class_and_code().1
    }

    /// Whether it says something about the server rather than about one request.
    pub(crate) fn concerns_the_server(&self) -> bool {
        !matches!(self.kind, Kind::InvalidRequest | Kind::ModelNotFound)
    }

    /// What the caller is told, with no secret in it.
    pub(crate) fn into_error(self, credentials: &Credentials) -> Error {
        let (class, code) = self.kind.class_and_code();
        let quote = shorten(&credentials.erase_from(&self.quote));
        let message =
            if quote.is_empty() { self.message } else { format!("{}: {quote}", self.message) };
        let error = Error::new(class, code, message);
        let error = if self.hint.is_empty() { error } else { error.hint(self.hint) };
        match self.retry_after {
            Some(after) => error.retry_after(after),
            None => error,
        }
    }
}

/// A foreign text as part of one line: without control characters, not too long.
fn shorten(text: &str) -> String {
    let words: Vec<_> =
        text.split(|each: char| each.is_whitespace() || each.is_control()).collect();
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> Error {
        Failure::of_status(status, Complaint::from_body(body.as_bytes()))
            .into_error(&Credentials::default())
    }

    #[test]
    fn every_status_has_its_class_and_code() {
        for (status, class, code) in [
            (400, class::INVALID, "invalid_request"),
            (401, class::UNAUTHENTICATED, "upstream_unauthorized"),
            (402, class::EXHAUSTED, "rate_limited"),
            (403, class::UNAUTHENTICATED, "upstream_unauthorized"),
            (404, class::NOT_FOUND, "model_not_found"),
            (408, class::DEADLINE, "upstream_timeout"),
            (413, class::INVALID, "invalid_request"),
            (422, class::INVALID, "invalid_request"),
            (429, class::EXHAUSTED, "rate_limited"),
            (500, class::UNAVAILABLE, "upstream_failed"),
            (529, class::UNAVAILABLE, "upstream_failed"),
            (302, class::UNAVAILABLE, "upstream_garbled"),
        ] {
            let error = error(status, "");
            assert_eq!((error.class(), error.code()), (class, code), "status {status}");
        }
    }

    #[test]
    fn a_model_that_is_not_there_is_told_from_a_wrong_request() {
        let body = r#"{"error":{"message":"no","code":"model_not_found"}}"#;
        assert_eq!(error(400, body).code(), "model_not_found");
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let transient: Vec<u16> = (100..600)
            .filter(|status| Failure::of_status(*status, Complaint::default()).transient)
            .collect();
        assert_eq!(transient, [429, 500, 502, 503, 504]);
    }

    #[test]
    fn a_servers_sentence_is_quoted_on_one_line_of_at_most_300_characters() {
        let error = error(400, &format!("bad\n\u{1b}[31mmodel {}", "é".repeat(400)));
        let (ours, quote) = error.message().split_once(": ").expect("a quote");
        assert_eq!(ours, "the server says that the request is wrong (status 400)");
        assert!(quote.starts_with("bad [31mmodel éé") && quote.ends_with("é…"), "{quote}");
        assert_eq!(quote.chars().count(), LONGEST_QUOTE + 1);
    }

    #[test]
    fn a_refused_key_is_not_quoted() {
        let error = error(401, r#"{"error":{"message":"Incorrect key: sk-abc***wxyz"}}"#);
        assert_eq!(error.message(), "the server refused the key (status 401)");
    }

    #[test]
    fn the_hosts_errors_are_told_apart() {
        let told = |class, code| {
            let failure = Failure::of_request(&Error::new(class, code, "why"));
            (failure.code(), failure.transient)
        };
        assert_eq!(
            told(class::UNAVAILABLE, "LDR-HTTP-UNREACHABLE"),
            ("upstream_unreachable", true)
        );
        assert_eq!(told(class::UNAVAILABLE, "LDR-HTTP-BROKEN"), ("upstream_unreachable", true));
        assert_eq!(told(class::FORBIDDEN, "LDR-SERVICE"), ("upstream_unreachable", false));
        assert_eq!(told(class::DEADLINE, "LDR-CALL-DEADLINE"), ("upstream_timeout", false));
        assert_eq!(told(class::INVALID, "LDR-HTTP-REQUEST"), ("not_configured", false));
    }
}

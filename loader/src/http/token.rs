//! Who may come in: whoever shows the token.

use std::time::Duration;

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};
use loader_abi::class;
use loader_core::message::Failure;
use loader_gateway::openai::Complaint;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::fault::Fault;
use super::throttle::Verdict;

/// The SHA-256 digest of the token. The token itself is not kept.
pub(super) struct TokenDigest([u8; 32]);

/// What a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presented {
    /// No token at all.
    Nothing,
    /// Something else than the token.
    Wrong,
    /// The token.
    Right,
}

impl TokenDigest {
    pub(super) fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Looks for `Authorization: Bearer <token>`.
    pub(super) fn presented_in(&self, headers: &HeaderMap) -> Presented {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let token = match (values.next(), values.next()) {
            (None, _) => return Presented::Nothing,
            (Some(value), None) => bearer(value),
            // Whatever stands between could have looked at the other one.
            (Some(_), Some(_)) => None,
        };
        // Digests are compared, so that not even the token's length shows in the time it takes.
        let right = token.is_some_and(|token| Sha256::digest(token).ct_eq(&self.0).into());
        if right { Presented::Right } else { Presented::Wrong }
    }
}

/// The token of a `Bearer` header; the scheme's case does not matter.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, rest) = value.as_bytes().split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}

/// The answer to a request without a token.
pub(super) fn missing() -> Fault {
    unauthorised("this gateway wants its token")
}

/// The answer to a request with a wrong token.
pub(super) fn wrong(verdict: Verdict) -> Fault {
    match verdict {
        Verdict::Tolerated => unauthorised("this is not the gateway's token"),
        Verdict::TooMany => {
            let message = "too many wrong tokens came from this address";
            let mut failure = Failure::new(class::EXHAUSTED, "LDR-HTTP-RATE", message);
            failure.retry_after = Some(Duration::from_secs(1));
            Complaint::new(429, "rate_limit_exceeded", failure).into()
        }
    }
}

fn unauthorised(message: &str) -> Fault {
    let failure = Failure::new(class::UNAUTHENTICATED, "LDR-HTTP-TOKEN", message).hint(
        "send `Authorization: Bearer <token>`; the token is in the file `token` of the state folder",
    );
    let complaint = Complaint::new(401, "invalid_api_key", failure);
    Fault::from(complaint).with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

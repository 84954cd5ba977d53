//! The name of a request, in its answer and in every log line about it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderValue};

/// The header that carries it, both ways.
pub(super) const HEADER: &str = "x-request-id";

/// A longer name is not taken over from a request.
const LONGEST: usize = 128;

/// Gives requests names that no other request of this process has, and hardly any of another.
pub(super) struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self { seed: RandomState::new().hash_one(()), next: AtomicU64::new(0) }
    }
}

impl RequestIds {
    /// The name a request brings, if it is sane; else a new one.
    pub(super) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(HEADER) {
            Some(given) if is_sane(given.as_bytes()) => given.clone(),
            _ => HeaderValue::from_bytes(&self.unique()).expect("hexadecimal digits fit a header"),
        }
    }

    /// Sixteen hexadecimal digits that were not used before.
    pub(super) fn unique(&self) -> [u8; 16] {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        // An odd factor maps different counts to different numbers, and spreads them.
        let mut number = self.seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut digits = [0; 16];
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789abcdef"[(number & 15) as usize];
            number >>= 4;
        }
        digits
    }
}

fn is_sane(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= LONGEST && id.iter().all(plain)
}

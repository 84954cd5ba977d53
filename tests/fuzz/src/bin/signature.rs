//! Any bytes as the signature of a release, or as a release that was signed: an answer, and `signed`
//! only for what was signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_core::{
    discovery::Origin,
    trust::{
        Publisher, Release, Signatures, Trust,
        signature::{Claim, judge},
    },
};
use std::{path::Path, sync::LazyLock};

const TEXT: &str = include_str!("../../corpus/signature/release.toml");
const SIGNATURE: &str = include_str!("../../corpus/signature/good");
const KEY: &str = "RWQHYWVGFXJ72+Pnw1jF7tqbBPQdNuf9lEP/tyaQqCQUJKrHPkS46KHD";

static RELEASE: LazyLock<Release> = LazyLock::new(|| {
    Release::parse(Path::new("release.toml"), TEXT).release.expect("a release")
});
static TRUST: LazyLock<Trust> = LazyLock::new(|| {
    let acme = Publisher { keys: vec![KEY.to_owned()], ..Publisher::default() };
    let publishers = [("acme".to_owned(), acme)].into();
    Trust { signatures: Signatures::Required, publishers, ..Trust::default() }
});

fn is_signed(text: &[u8], signature: &[u8]) -> bool {
    let claim = Claim { release: &RELEASE, text, signature: Some(signature) };
    match judge(&TRUST, Origin::User, "hello", Some(claim)) {
        Ok(judgement) => judgement.signed_by.is_some(),
        Err(refusal) => {
            assert!(!refusal.message.contains(char::is_control), "{refusal:?}");
            false
        }
    }
}

/// What is signed: all but the first line and what follows the fourth.
fn signed_lines(signature: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(signature).unwrap_or_default();
    text.lines().skip(1).take(3).collect()
}

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(is_signed(bytes, SIGNATURE.as_bytes()), bytes == TEXT.as_bytes());
    let same = signed_lines(bytes) == signed_lines(SIGNATURE.as_bytes());
    if is_signed(TEXT.as_bytes(), bytes) {
        assert!(same, "another signature counts");
    }
});

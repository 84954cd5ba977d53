//! Any bytes as a library that is audited and explained: an answer, and what keeps it from fitting has a
//! remedy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_core::{
    audit::{Installed, Subject, audit},
    explain::explain,
};
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let subject = Subject { path: Path::new("library.so"), plugin: None };
    let audited = audit(subject, bytes, &Installed::default());
    let explained = explain(bytes, &loader_gateway::contracts());
    assert_eq!(explained.fits, explained.remedy.is_none());
    assert_eq!(explained.fits, explained.reasons.is_empty());
    if let Ok(audited) = audited {
        assert!(audited.findings.iter().all(|finding| finding.hint.is_some()));
        assert_eq!(audited.facts, explained.library);
    }
});

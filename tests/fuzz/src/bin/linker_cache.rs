//! Any bytes as the dynamic linker's cache: an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_core::audit::Installed;

fuzz_target!(|cache: &[u8]| {
    let installed = Installed::parse(cache);
    assert_eq!(installed.find(""), None);
});

//! Any bytes as a library file: an answer, and the metadata lies inside the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_abi::facts;
use loader_core::vetting::binary::inspect;

fuzz_target!(|bytes: &[u8]| {
    let Ok(binary) = inspect(bytes) else { return };
    if let Some(section) = binary.facts {
        assert!(section.len() <= bytes.len());
        let _ = facts::parse(section);
    }
});

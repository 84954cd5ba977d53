//! Any bytes as a library file: an answer, the metadata lies inside the file, and what is said about it
//! can be printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_abi::facts;
use loader_core::vetting::binary::inspect;

fuzz_target!(|bytes: &[u8]| {
    let Ok(binary) = inspect(bytes) else { return };
    if let Some(section) = binary.facts {
        assert!(bytes.as_ptr_range().contains(&section.as_ptr()) || section.is_empty());
        assert!(section.len() <= bytes.len());
        let _ = facts::parse(section);
    }
    for defect in &binary.defects {
        let said = defect.to_string();
        assert!(!said.contains(char::is_control), "{said:?}");
        assert!(defect.code().starts_with("LDR-VET-") && !defect.hint().is_empty());
    }
    for name in &binary.needed {
        assert!(name.len() <= 3 * bytes.len());
    }
});

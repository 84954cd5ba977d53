//! Any bytes as the metadata section of a library: facts or a reason, and facts survive a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_abi::facts;

fuzz_target!(|section: &[u8]| {
    let Ok(read) = facts::parse(section) else { return };
    let json = serde_json::to_vec(&read).expect("facts are plain data");
    let mut again = section[..12].to_vec();
    again.extend((json.len() as u32).to_le_bytes());
    again.extend(&json);
    if json.len() <= facts::MAX_JSON_BYTES {
        assert_eq!(facts::parse(&again), Ok(read));
    }
});

//! Builds of the fixture `tide` without a compiler.

use crate::build;
use std::fs;

/// What stands before the name in the file, and how long the name is.
const MARK: &[u8] = b"TIDE-IS:";
const NAME_BYTES: usize = 16;

/// A build of `tide` by this name, which it says of itself. Some names are bad builds: see the fixture.
pub fn tide(name: &str) -> Vec<u8> {
    let mut bytes = fs::read(build::library("tide")).expect("the fixture");
    let name = format!("{name:<NAME_BYTES$}");
    assert_eq!(name.len(), NAME_BYTES, "`{name}` is too long");
    let at = bytes.windows(MARK.len()).position(|window| window == MARK).expect("the mark");
    bytes[at + MARK.len()..][..NAME_BYTES].copy_from_slice(name.as_bytes());
    bytes
}

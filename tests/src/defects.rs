//! The library whose constructor does what one word in its file says.

use crate::{Home, build};
use std::{fs, path::PathBuf};

/// How the word stands in the file, as it was built.
const BUILT: &[u8; 24] = b"constructor:harmless\0\0\0\0";

/// Lays the plugin `bad-constructor` out with this defect and returns its folder.
pub fn add(home: &Home, defect: &str) -> PathBuf {
    let built = build::library("bad-constructor");
    let folder = home.add_built("bad-constructor", &built);
    let mut bytes = fs::read(&built).expect("a library");
    let mut places = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(BUILT));
    let (place, other) = (places.next().expect("the word is in the file"), places.next());
    assert_eq!(other, None, "the word is in the file once");
    let mut word = format!("constructor:{defect}").into_bytes();
    assert!(word.len() < BUILT.len(), "{defect} is too long");
    word.resize(BUILT.len(), 0);
    bytes[place..place + word.len()].copy_from_slice(&word);
    // A new file: the old one may be mapped.
    let (path, new) = (folder.join("libbad_constructor.so"), folder.join("new"));
    fs::write(&new, bytes).expect("a library");
    fs::rename(&new, &path).expect("in its place");
    folder
}

//! Any bytes as an archive: an answer, nothing left of what is refused, and of what is taken exactly
//! the files it says. The first byte says how the rest is dressed up, so that more than the outermost
//! check is reached: with the headers' checksums mended, compressed, or both.
#![no_main]

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use loader_core::package::{extract, measure};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// In memory where that is possible.
static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let above = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let home = above.join(format!("loader-fuzz-{}", std::process::id()));
    fs::create_dir_all(&home).expect("a folder");
    home
});

/// Gives every header the checksum it should have, as far as the sizes lead.
fn mend(archive: &mut [u8]) {
    let mut at = 0;
    while let Some(header) = archive.get_mut(at..at + 512) {
        if header.iter().all(|byte| *byte == 0) {
            return;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = std::str::from_utf8(&header[124..135]).unwrap_or_default();
        let size = usize::from_str_radix(size, 8).unwrap_or_default();
        at += 512 + size.next_multiple_of(512);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let mut archive = rest.to_vec();
    if how & 1 != 0 {
        mend(&mut archive);
    }
    if how & 2 != 0 {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(&archive).expect("memory takes everything");
        archive = encoder.finish().expect("memory takes everything");
    }
    let destination = HOME.join("package");
    match extract(archive.as_slice(), &destination) {
        Ok(extracted) => {
            assert_eq!(measure(&destination), Ok(extracted.files));
            fs::remove_dir_all(&destination).expect("it was made");
        }
        Err(refusal) => {
            assert!(!refusal.message.contains(char::is_control), "{refusal:?}");
            assert!(refusal.hint.is_some());
        }
    }
    assert_eq!(fs::read_dir(&*HOME).expect("it is there").count(), 0);
});

//! Reading the library that an argument names.

use std::io::Read;
use std::path::Path;

use loader_core::vetting::MAX_LIBRARY_BYTES;
use rustix::fs::{Mode, OFlags};

use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::Refusal;
use crate::shell;

/// Reads a library. Links are followed: whoever typed the name chose the file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    // A pipe must not be waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    let file = opened.map_err(|errno| match errno {
        rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => {
            Refusal::new(Exit::NotFound, unreadable(path, "it does not exist"))
        }
        errno => unreadable(path, &errno.to_string()).into(),
    })?;
    let file = std::fs::File::from(file);
    let found = file.metadata().map_err(|error| unreadable(path, &error.to_string()))?;
    if !found.is_file() {
        return Err(unreadable(path, "it is no file").into());
    }
    if found.len() > MAX_LIBRARY_BYTES {
        return Err(unreadable(path, "it is larger than any library").into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_LIBRARY_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error.to_string()))?;
    Ok(bytes)
}

fn unreadable(path: &Path, why: &str) -> Finding {
    Finding::error("LDR-LIBRARY-FILE", format!("the library cannot be read: {why}"))
        .at(path)
        .hint(format!("ls -l {}", shell::word(path)))
}

//! One look at a file: what the system says of it, and whether its first bytes fit its size.

use super::settling::{Look, Seen};
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// As much of a file as says where its tables are.
const HEADER: usize = 64;

/// Looks at a file, through symbolic links. `known` is an earlier look: while the system says the
/// same of a file that was whole, it is not opened.
pub(super) fn look(path: &Path, known: Look) -> Look {
    let seen = seen(&fs::metadata(path).ok()?, true);
    if known == Some(seen) {
        return known;
    }
    match open(path) {
        Ok(Some(file)) => look_into(&file),
        // Whoever may not read it cannot tell; the gate will.
        Ok(None) | Err(_) => Some(seen),
    }
}

/// Opens a regular file; nothing else, and nothing that would wait.
fn open(path: &Path) -> io::Result<Option<File>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map(Some)
}

fn look_into(file: &File) -> Look {
    let metadata = file.metadata().ok()?;
    let mut header = Vec::with_capacity(HEADER);
    let is_read = file.take(HEADER as u64).read_to_end(&mut header).is_ok();
    Some(seen(&metadata, !metadata.is_file() || !is_read || is_whole(&header, metadata.len())))
}

fn seen(metadata: &Metadata, is_whole: bool) -> Seen {
    Seen {
        device: metadata.dev(),
        inode: metadata.ino(),
        links: metadata.nlink(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        is_whole,
    }
}

/// Whether a file of this beginning and size can be finished. Linkers write a library's table of
/// sections last; some make room for everything first and write the beginning at the end.
fn is_whole(header: &[u8], size: u64) -> bool {
    let Some(magic) = header.first_chunk::<4>() else { return true };
    match magic {
        b"\x7fELF" => sections_end(header).is_some_and(|end| end <= size),
        magic => *magic != [0; 4],
    }
}

/// Where the table of sections of an ELF file ends; nothing when its header is cut short.
fn sections_end(header: &[u8]) -> Option<u64> {
    let (is_wide, is_little) = (*header.get(4)? == 2, *header.get(5)? == 1);
    let number = |at: usize, length: usize| {
        let bytes = header.get(at..at + length)?;
        let digit = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        Some(match is_little {
            true => bytes.iter().rev().fold(0, digit),
            false => bytes.iter().fold(0, digit),
        })
    };
    let (start, entry, count) = match is_wide {
        true => (number(0x28, 8)?, number(0x3a, 2)?, number(0x3c, 2)?),
        false => (number(0x20, 4)?, number(0x2e, 2)?, number(0x30, 2)?),
    };
    start.checked_add(entry * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a library of 64 bits whose table of sections ends here.
    fn elf(end: u64) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..6].copy_from_slice(b"\x7fELF\x02\x01");
        header[0x28..0x30].copy_from_slice(&(end - 64 * 3).to_le_bytes());
        header[0x3a] = 64;
        header[0x3c] = 3;
        header
    }

    #[test]
    fn a_library_is_whole_when_its_last_table_is_there() {
        assert!(is_whole(&elf(1_000), 1_000));
        assert!(!is_whole(&elf(1_000), 999));
        assert!(!is_whole(&elf(1_000)[..40], 40));
        assert!(!is_whole(&elf(u64::MAX), u64::MAX - 1));
    }

    #[test]
    fn other_files_are_whole_unless_they_begin_with_nothing() {
        assert!(is_whole(b"", 0));
        assert!(is_whole(b"id", 2));
        assert!(is_whole(b"id = \"hello\"", 12));
        assert!(!is_whole(&[0; HEADER], 4_096));
    }

    #[test]
    fn looks_follow_the_file_and_not_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        assert_eq!(look(&link, None), None);
        fs::write(&file, "one").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let one = look(&link, None);
        assert_eq!(one, look(&file, one));
        fs::write(&file, "three").unwrap();
        assert_ne!(one, look(&link, one));
        assert!(look(folder.path(), None).is_some(), "a folder is something");
    }
}

//! Unpacks an archive by this project's own rules.

use super::{
    Extracted,
    entries::{Entries, ambiguous, unreadable},
    names,
    tree::Tree,
};
use crate::diagnostic::Diagnostic;
use flate2::bufread::GzDecoder;
use std::{
    cell::Cell,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    path::Path,
};

/// An archive may grow by this factor at most while it is decompressed,
const MAX_RATIO: u64 = 100;
/// unless all of it is no more than this.
const RATIO_COUNTS_FROM: u64 = 8 * 1024 * 1024;

/// What other archives begin with, and what they are called.
const FOREIGN: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "rar"),
];

/// Unpacks the archive in a file: [`extract`] with the file's name in what is refused.
pub fn unpack(archive: &Path, destination: &Path) -> Result<Extracted, Diagnostic> {
    let opened = File::open(archive).and_then(|file| {
        let is_file = file.metadata()?.is_file();
        if is_file { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
    });
    let file = opened.map_err(|error| unreadable(&error).at(archive))?;
    extract(file, destination).map_err(|refusal| match refusal.place {
        Some(_) => refusal,
        None => refusal.at(archive),
    })
}

/// Unpacks a tar archive, compressed with gzip or not, into a folder that must not exist yet.
///
/// Every file is hashed while it is written, and all of them are durable when it returns; the
/// folder's own entry is not. Modes, owners and times in the archive mean nothing. A refusal leaves no
/// folder behind, and has a place only when it is about the destination.
pub fn extract(mut reader: impl Read, destination: &Path) -> Result<Extracted, Diagnostic> {
    let mut beginning = Vec::new();
    let read = reader.by_ref().take(8).read_to_end(&mut beginning);
    read.map_err(|error| unreadable(&error))?;
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| beginning.starts_with(magic)) {
        return Err(foreign(name));
    }
    let is_compressed = beginning.starts_with(b"\x1f\x8b");
    let taken = Cell::new(0);
    let counted = Counted { reader: Cursor::new(beginning).chain(reader), taken: &taken };
    let buffered = BufReader::with_capacity(64 * 1024, counted);
    let mut tree = Tree::new(destination)?;
    if is_compressed {
        let mut rest = fill(&mut tree, GzDecoder::new(buffered), &taken)?.into_inner();
        if !rest.fill_buf().map_err(|error| unreadable(&error))?.is_empty() {
            return Err(ambiguous("data follows the end of the compressed archive".to_owned()));
        }
    } else {
        fill(&mut tree, buffered, &taken)?;
    }
    tree.finish().map(|files| Extracted { files })
}

/// Writes every entry. Gives back what is left to read.
fn fill<R: Read>(tree: &mut Tree, reader: R, taken: &Cell<u64>) -> Result<R, Diagnostic> {
    let mut entries = Entries::new(reader);
    let mut written: u64 = 0;
    while let Some(entry) = entries.next()? {
        let path = names::path(&entry.path)?;
        if entry.is_folder {
            tree.folder(&path)?;
            continue;
        }
        tree.file(&path, entry.size, &mut |buffer| {
            let read = entries.read(buffer)?;
            written += read as u64;
            if written > RATIO_COUNTS_FROM && written / MAX_RATIO > taken.get() {
                return Err(bomb());
            }
            Ok(read)
        })?;
    }
    Ok(entries.into_reader())
}

/// Counts what is taken from an archive.
struct Counted<'a, R> {
    reader: R,
    taken: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.taken.set(self.taken.get() + read as u64);
        Ok(read)
    }
}

fn bomb() -> Diagnostic {
    let message = format!("the archive grows more than {MAX_RATIO} times while it is decompressed");
    Diagnostic::error("LDR-PACKAGE-LIMIT", message)
        .hint("leave files of nothing but zeros out, and make the package anew")
}

fn foreign(name: &str) -> Diagnostic {
    let message = format!("the archive is {name}; packages are tar archives, as such or in gzip");
    Diagnostic::error("LDR-PACKAGE-FORMAT", message)
        .hint("unpack it into a folder, and make a package of that: loader plugins pack FOLDER")
}

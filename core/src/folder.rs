//! Opens files inside a plugin's folder without ever leaving it.
//!
//! Every component below the folder is opened by itself and without following symbolic links, so
//! that what was looked at is what is read, whatever happens to the path meanwhile.

use crate::manifest::RelativePath;
use rustix::{
    fs::{self, Mode, OFlags},
    io::Errno,
};
use std::{
    fmt,
    fs::{File, Metadata},
    io::{self, Read},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// A regular file, open for reading, and what it took to reach it.
pub(crate) struct Opened {
    /// The file.
    pub(crate) file: File,
    /// Its path, for messages.
    pub(crate) path: PathBuf,
    /// Its size in bytes when it was opened.
    pub(crate) size: u64,
    /// The folder, every folder below it on the way, and the file, as they were when opened.
    pub(crate) chain: Vec<(PathBuf, Metadata)>,
}

/// Why a file was not opened or read. Displays as the end of a sentence that begins with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Nothing is there.
    Missing,
    /// It, or a folder on the way to it, is a symbolic link.
    Link,
    /// It is a folder, a pipe, a device or a socket.
    NotAFile,
    /// It has more bytes than may be read.
    TooLarge {
        /// The bytes that may be read.
        limit: u64,
    },
    /// The operating system refused.
    System(Errno),
}

impl Opened {
    /// Reads the whole file. Call it once: it moves the file's position.
    pub(crate) fn read(&mut self, limit: u64) -> Result<Vec<u8>, Unreadable> {
        // One byte more than allowed, because a file can grow after its size was asked for.
        if self.size > limit {
            return Err(Unreadable::TooLarge { limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        let mut reader = (&self.file).take(limit + 1);
        reader.read_to_end(&mut bytes).map_err(|error| system(&error))?;
        if bytes.len() as u64 > limit {
            return Err(Unreadable::TooLarge { limit });
        }
        Ok(bytes)
    }
}

/// Opens a regular file inside `folder`.
pub(crate) fn open(folder: &Path, file: &RelativePath) -> Result<Opened, Unreadable> {
    let mut chain = Vec::new();
    let mut path = folder.to_owned();
    // Without a non-blocking open, a pipe in the file's place would hang the caller.
    let reading = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let mut handle = look(fs::openat(fs::CWD, folder, reading, Mode::empty()), &path, &mut chain)?;
    for component in file.as_str().split('/') {
        if !chain.last().is_some_and(|(_, found)| found.is_dir()) {
            return Err(Unreadable::Missing);
        }
        let opened = fs::openat(&handle, component, reading | OFlags::NOFOLLOW, Mode::empty());
        path.push(component);
        handle = look(opened, &path, &mut chain)?;
    }
    match chain.last() {
        Some((_, found)) if found.is_file() => {
            Ok(Opened { file: handle, path, size: found.len(), chain })
        }
        _ => Err(Unreadable::NotAFile),
    }
}

fn look(
    opened: Result<OwnedFd, Errno>,
    path: &Path,
    chain: &mut Vec<(PathBuf, Metadata)>,
) -> Result<File, Unreadable> {
    let handle = File::from(opened.map_err(|errno| match errno {
        Errno::NOENT => Unreadable::Missing,
        Errno::LOOP | Errno::MLINK => Unreadable::Link,
        // A socket cannot be opened at all.
        Errno::NXIO => Unreadable::NotAFile,
        other => Unreadable::System(other),
    })?);
    chain.push((path.to_owned(), handle.metadata().map_err(|error| system(&error))?));
    Ok(handle)
}

fn system(error: &io::Error) -> Unreadable {
    Unreadable::System(Errno::from_io_error(error).unwrap_or(Errno::IO))
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("does not exist"),
            Self::Link => formatter
                .write_str("is a symbolic link; nothing inside a plugin's folder may be one"),
            Self::NotAFile => formatter.write_str("is not a regular file"),
            Self::TooLarge { limit } => write!(formatter, "has more than {limit} bytes"),
            Self::System(errno) => write!(formatter, "cannot be read: {errno}"),
        }
    }
}

/// A path as one word of a shell command, for hints that are pasted into a terminal.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

//! A package's files on their way to a folder of their own.

use super::{Files, MAX_FILE_BYTES, MAX_TOTAL_BYTES, folder::changed, names::Names};
use crate::{diagnostic::Diagnostic, digest::Digest, folder::shell_word, manifest::RelativePath};
use rustix::{
    fs::{self, Mode, OFlags},
    io::Errno,
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeSet,
    fs::File,
    io::Write,
    mem,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);
const FOLDER_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FILE_FLAGS: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Reads on in a file's content; 0 at its end.
pub(super) type Content<'a> = dyn FnMut(&mut [u8]) -> Result<usize, Diagnostic> + 'a;

/// A folder that is being filled. Everything in it is reached through its handle, name by name and
/// without following links, so that nothing is written anywhere else. Dropped before it is finished,
/// it is removed.
pub(super) struct Tree {
    path: PathBuf,
    handle: OwnedFd,
    names: Names,
    /// Every folder in it, so that a longer one comes after those it lies in.
    folders: BTreeSet<String>,
    files: Files,
    bytes: u64,
    is_finished: bool,
    buffer: Vec<u8>,
}

impl Tree {
    /// Makes the folder, for this user alone until it is finished. It must not exist.
    pub(super) fn new(path: &Path) -> Result<Self, Diagnostic> {
        let handle = fs::mkdir(path, Mode::RWXU).and_then(|()| {
            let opened = fs::open(path, FOLDER_FLAGS, Mode::empty());
            opened.inspect_err(|_| {
                let _ = fs::rmdir(path);
            })
        });
        Ok(Self {
            handle: handle.map_err(|error| unwritable(path, path, error))?,
            path: path.to_owned(),
            names: Names::default(),
            folders: BTreeSet::new(),
            files: Files::new(),
            bytes: 0,
            is_finished: false,
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Makes a folder in it.
    pub(super) fn folder(&mut self, path: &RelativePath) -> Result<(), Diagnostic> {
        self.names.folder(path)?;
        self.enter(path.as_str()).map(|_| ()).map_err(|error| self.unwritable(path, error))
    }

    /// Writes a file of this size, hashes it on the way, and makes it durable.
    pub(super) fn file(
        &mut self,
        path: &RelativePath,
        size: u64,
        content: &mut Content<'_>,
    ) -> Result<(), Diagnostic> {
        self.names.file(path)?;
        self.bytes = self.bytes.saturating_add(size);
        check_sizes(path, size, self.bytes)?;
        let mut file = self.create(path.as_str()).map_err(|error| self.unwritable(path, error))?;
        let mut hasher = Sha256::new();
        let mut buffer = mem::take(&mut self.buffer);
        let mut written: u64 = 0;
        let ended = loop {
            let read = match content(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(read) => read,
                Err(refusal) => break Err(refusal),
            };
            written += read as u64;
            if written > size {
                break Err(changed(path));
            }
            hasher.update(&buffer[..read]);
            if let Err(error) = file.write_all(&buffer[..read]) {
                break Err(self.unwritable(path, Errno::from_io_error(&error).unwrap_or(Errno::IO)));
            }
        };
        self.buffer = buffer;
        ended?;
        if written != size {
            return Err(changed(path));
        }
        let kept = fs::fchmod(&file, FILE_MODE).and_then(|()| fs::fsync(&file));
        kept.map_err(|error| self.unwritable(path, error))?;
        self.files.insert(path.clone(), (Digest::finish(hasher), written));
        Ok(())
    }

    /// Makes the folders durable and opens them to readers.
    pub(super) fn finish(mut self) -> Result<Files, Diagnostic> {
        let close = || {
            for folder in self.folders.iter().rev() {
                let folder = self.reach(folder)?;
                fs::fchmod(&folder, FOLDER_MODE).and_then(|()| fs::fsync(&folder))?;
            }
            fs::fchmod(&self.handle, FOLDER_MODE).and_then(|()| fs::fsync(&self.handle))
        };
        close().map_err(|error| unwritable(&self.path, &self.path, error))?;
        self.is_finished = true;
        Ok(mem::take(&mut self.files))
    }

    fn create(&mut self, path: &str) -> Result<File, Errno> {
        let (folder, name) = match path.rsplit_once('/') {
            Some((folder, name)) => (Some(self.enter(folder)?), name),
            None => (None, path),
        };
        let folder = folder.as_ref().unwrap_or(&self.handle);
        fs::openat(folder, name, FILE_FLAGS, Mode::RUSR | Mode::WUSR).map(File::from)
    }

    /// Opens a folder in it, making what is missing on the way.
    fn enter(&mut self, path: &str) -> Result<OwnedFd, Errno> {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for end in ends.collect::<Vec<_>>() {
            let folder = &path[..end];
            if self.folders.contains(folder) {
                continue;
            }
            let (above, name) = match folder.rsplit_once('/') {
                Some((above, name)) => (Some(self.reach(above)?), name),
                None => (None, folder),
            };
            fs::mkdirat(above.as_ref().unwrap_or(&self.handle), name, Mode::RWXU)?;
            self.folders.insert(folder.to_owned());
        }
        self.reach(path)
    }

    /// Opens a folder in it that was made before.
    fn reach(&self, path: &str) -> Result<OwnedFd, Errno> {
        let mut folder: Option<OwnedFd> = None;
        for name in path.split('/') {
            let above = folder.as_ref().unwrap_or(&self.handle).as_fd();
            folder = Some(fs::openat(above, name, FOLDER_FLAGS, Mode::empty())?);
        }
        folder.ok_or(Errno::NOENT)
    }

    fn unwritable(&self, path: &RelativePath, error: Errno) -> Diagnostic {
        unwritable(&self.path, &path.under(&self.path), error)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed is named by nobody, and the refusal matters more.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Whether a file, and all files so far, are small enough.
pub(super) fn check_sizes(path: &RelativePath, size: u64, all: u64) -> Result<(), Diagnostic> {
    let message = if size > MAX_FILE_BYTES {
        format!("`{path}` has {size} bytes; at most {MAX_FILE_BYTES} are taken")
    } else if all > MAX_TOTAL_BYTES {
        format!("the files have more than {MAX_TOTAL_BYTES} bytes together")
    } else {
        return Ok(());
    };
    Err(Diagnostic::error("LDR-PACKAGE-LIMIT", message)
        .hint("put large data somewhere else, and make the package anew"))
}

fn unwritable(folder: &Path, path: &Path, error: Errno) -> Diagnostic {
    let above = folder.parent().unwrap_or(folder);
    let hint = match error {
        Errno::NOSPC | Errno::DQUOT => format!("make space: df -h {}", shell_word(above)),
        Errno::EXIST => format!("look at what is there: ls -ld {}", shell_word(folder)),
        _ => format!("make the folder writable: ls -ld {}", shell_word(above)),
    };
    Diagnostic::error("LDR-PACKAGE-WRITE", format!("the package cannot be written: {error}"))
        .at(path)
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    fn path(text: &str) -> RelativePath {
        text.parse().expect("a path")
    }

    fn once(bytes: &'static [u8]) -> impl FnMut(&mut [u8]) -> Result<usize, Diagnostic> {
        let mut rest = bytes;
        move |buffer| {
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            rest = &rest[length..];
            Ok(length)
        }
    }

    #[test]
    fn what_is_written_is_what_is_reported() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("new");
        let mut tree = Tree::new(&folder).expect("made");
        assert_eq!(std::fs::metadata(&folder).expect("there").mode() & 0o777, 0o700);
        tree.folder(&path("empty")).expect("made");
        tree.file(&path("a/b/c"), 5, &mut once(b"hello")).expect("written");
        let files = tree.finish().expect("finished");
        assert_eq!(files, Files::from([(path("a/b/c"), (Digest::of(b"hello"), 5))]));
        assert_eq!(std::fs::read(folder.join("a/b/c")).expect("there"), b"hello");
        for (name, mode) in [("", 0o755), ("empty", 0o755), ("a/b", 0o755), ("a/b/c", 0o644)] {
            let found = std::fs::metadata(folder.join(name)).expect("there").mode();
            assert_eq!(found & 0o7777, mode, "{name}");
        }
    }

    #[test]
    fn a_link_that_somebody_put_in_the_way_is_not_followed() {
        let home = tempfile::tempdir().expect("a folder");
        let outside = home.path().join("outside");
        std::fs::create_dir(&outside).expect("made");
        let folder = home.path().join("new");
        let mut tree = Tree::new(&folder).expect("made");
        tree.folder(&path("lib")).expect("made");
        std::fs::remove_dir(folder.join("lib")).expect("removed");
        symlink(&outside, folder.join("lib")).expect("linked");
        let refusal = tree.file(&path("lib/x"), 1, &mut once(b"x")).expect_err("refused");
        assert_eq!(refusal.code, "LDR-PACKAGE-WRITE");
        drop(tree);
        assert!(!folder.exists());
        assert_eq!(std::fs::read_dir(&outside).expect("there").count(), 0);
    }

    #[test]
    fn a_file_that_grows_or_shrinks_is_refused_and_nothing_stays() {
        let home = tempfile::tempdir().expect("a folder");
        for size in [4, 6] {
            let folder = home.path().join("new");
            let mut tree = Tree::new(&folder).expect("made");
            let refusal = tree.file(&path("x"), size, &mut once(b"hello")).expect_err("refused");
            assert_eq!(refusal.code, "LDR-PACKAGE-CHANGED");
            drop(tree);
            assert!(!folder.exists());
        }
    }

    #[test]
    fn a_folder_that_exists_is_left_alone() {
        let home = tempfile::tempdir().expect("a folder");
        let refusal = Tree::new(home.path()).err().expect("refused");
        assert_eq!(refusal.code, "LDR-PACKAGE-WRITE");
        assert!(home.path().exists());
    }
}

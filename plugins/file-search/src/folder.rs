//! The way to folders and files: each is opened through the one that holds it, and no link is followed.

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat},
    io::Errno,
};
use std::{ffi::CString, fmt, fs::File, io::Read as _, path::Path};

/// How folders are opened that lie in others.
const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Without waiting, should it be a pipe.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder that is asked for and cannot be searched.
#[derive(Debug, PartialEq)]
pub(crate) enum Outside {
    /// It is not written as a folder below the root.
    NotBelow,
    /// Something on the way has a name that begins with a dot, and such are not searched.
    Hidden,
    /// Something on the way is a link.
    Link,
    /// It is not there, or no folder, or cannot be read.
    Unreadable(Errno),
}

impl fmt::Display for Outside {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBelow => {
                formatter.write_str("a folder is written without `..` and without `/` before it")
            }
            Self::Hidden => formatter.write_str("names that begin with a dot are not searched"),
            Self::Link => formatter.write_str("links are not followed"),
            Self::Unreadable(Errno::NOENT) => formatter.write_str("there is no such folder"),
            Self::Unreadable(Errno::NOTDIR) => formatter.write_str("it is no folder"),
            Self::Unreadable(error) => write!(formatter, "the folder cannot be read: {error}"),
        }
    }
}

/// A folder below the root, and the path that leads there.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) folder: OwnedFd,
    /// Ends with a `/` unless it is empty.
    pub(crate) path: String,
}

/// Opens the root, or a folder below it; a hidden one only where such are searched.
pub(crate) fn open(root: &Path, below: &str, hidden: bool) -> Result<Start, Outside> {
    if below.starts_with('/') {
        return Err(Outside::NotBelow);
    }
    // The operator's own path may have links.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut folder = openat(CWD, root, flags, Mode::empty()).map_err(Outside::Unreadable)?;
    let mut path = String::new();
    for name in below.split('/').filter(|name| !name.is_empty() && *name != ".") {
        if name == ".." {
            return Err(Outside::NotBelow);
        }
        if name.starts_with('.') && !hidden {
            return Err(Outside::Hidden);
        }
        folder = openat(&folder, name, FOLDER, Mode::empty()).map_err(|error| {
            let is_link = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink);
            if is_link { Outside::Link } else { Outside::Unreadable(error) }
        })?;
        path.push_str(name);
        path.push('/');
    }
    Ok(Start { folder, path })
}

/// One thing in a folder.
pub(crate) struct Entry {
    name: CString,
    /// Its name for people.
    pub(crate) shown: String,
    pub(crate) is_folder: bool,
}

/// What lies in a folder: folders and files, by name. Stops after so many; the number comes back.
pub(crate) fn entries(folder: BorrowedFd<'_>, most: u64) -> Result<(Vec<Entry>, u64), Errno> {
    let mut entries = Vec::new();
    let mut seen = 0;
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if seen == most {
            break;
        }
        seen += 1;
        let kind = match entry.file_type() {
            // Some file systems do not say.
            FileType::Unknown => match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => FileType::from_raw_mode(found.st_mode),
                Err(_) => continue,
            },
            kind => kind,
        };
        if matches!(kind, FileType::Directory | FileType::RegularFile) {
            let shown = name.to_string_lossy().into_owned();
            let is_folder = kind == FileType::Directory;
            entries.push(Entry { name: name.to_owned(), shown, is_folder });
        }
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok((entries, seen))
}

impl Entry {
    /// Opens it as a folder.
    pub(crate) fn enter(&self, folder: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
        openat(folder, &self.name, FOLDER, Mode::empty())
    }

    /// Reads it as a file; `None` if it is larger than this, or no file any more.
    pub(crate) fn read(
        &self,
        folder: BorrowedFd<'_>,
        most: u64,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let file = openat(folder, &self.name, FILE, Mode::empty())?;
        let found = fstat(&file)?;
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        if !is_file || u64::try_from(found.st_size).unwrap_or(u64::MAX) > most {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        // It may grow while it is read.
        File::from(file).take(most).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn no_way_leads_out_of_the_root() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().join("root");
        fs::create_dir_all(root.join("inside/deeper")).expect("folders");
        fs::create_dir_all(root.join(".keys/inside")).expect("folders");
        fs::create_dir(place.path().join("outside")).expect("a folder");
        symlink(place.path().join("outside"), root.join("away")).expect("a link");
        symlink("inside", root.join("near")).expect("a link");
        fs::write(root.join("file"), "text").expect("a file");
        for (below, path) in
            [("", ""), (".", ""), ("inside", "inside/"), ("inside//deeper/", "inside/deeper/")]
        {
            let start = open(&root, below, false).expect(below);
            assert_eq!(start.path, path, "{below}");
        }
        for (below, why) in [
            ("..", Outside::NotBelow),
            ("inside/../..", Outside::NotBelow),
            ("/etc", Outside::NotBelow),
            ("away", Outside::Link),
            ("away/deeper", Outside::Link),
            ("near", Outside::Link),
            ("file", Outside::Unreadable(Errno::NOTDIR)),
            ("nothing", Outside::Unreadable(Errno::NOENT)),
            ("a\0b", Outside::Unreadable(Errno::INVAL)),
            (".keys", Outside::Hidden),
            ("./.keys/inside", Outside::Hidden),
            ("inside/.nothing", Outside::Hidden),
        ] {
            assert_eq!(open(&root, below, false).expect_err(below), why, "{below}");
        }
        let hidden = open(&root, ".keys/inside", true).expect("such are searched");
        assert_eq!(hidden.path, ".keys/inside/");
        assert_eq!(open(&root, "..", true).expect_err("outside"), Outside::NotBelow);
    }
}

//! Files that are there whole or not at all, whatever ends the process or the machine.
//!
//! The order is always the same: write to a name nobody looks at, sync the file, rename it, sync the
//! folder. A crash leaves the old content or the new, and at most a file whose name begins with `.new-`,
//! which is nobody's and goes with the next write of the same name.

use rustix::fs::{Mode, OFlags};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// How the names of files begin that are not finished.
pub(crate) const TEMPORARY: &str = ".new-";

/// Puts a file with this content in place. The folder must exist.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    replace(path, |file| file.write_all(content))
}

/// Puts a file in place whose content `fill` writes. The folder must exist.
pub fn replace<T, E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    let (folder, name) = split(path)?;
    let temporary = folder.join(format!("{TEMPORARY}{}", name.display()));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    let opened = rustix::fs::open(&temporary, flags, mode).map_err(io::Error::from)?;
    let mut file = File::from(opened);
    let filled = fill(&mut file).and_then(|filled| {
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        Ok(filled)
    });
    match filled {
        Ok(filled) => {
            sync_folder(folder)?;
            Ok(filled)
        }
        Err(error) => {
            let _ = fs::remove_file(&temporary);
            Err(error)
        }
    }
}

/// Removes a file for good. One that is not there is no failure.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(split(path)?.0),
    }
}

/// Makes what was renamed, made or removed in a folder survive the machine.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn split(path: &Path) -> io::Result<(&Path, &Path)> {
    let name = path.file_name().map(Path::new);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    name.zip(folder)
        .map(|(name, folder)| (folder, name))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file in a folder"))
}

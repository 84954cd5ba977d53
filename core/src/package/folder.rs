//! A package that is a folder.

use super::{
    Extracted, Files,
    names::{self, Names},
    tree::{Tree, check_sizes},
};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    folder::{Folder, Opened, Unreadable, shell_word},
    manifest::RelativePath,
};
use sha2::{Digest as _, Sha256};
use std::{fs, io, io::Read as _, path::Path};

/// What lies in a folder, in the order of the names.
#[derive(Default)]
pub(super) struct Listing {
    /// Every folder in it, each after those it lies in.
    pub(super) folders: Vec<RelativePath>,
    /// Every file and its size when it was looked at.
    pub(super) files: Vec<(RelativePath, u64)>,
}

/// Copies a folder to one that must not exist yet, by the rules for archives: regular files and
/// folders only, names that mean the same everywhere. What is said of [`extract`](super::extract)
/// holds for the copy.
pub fn copy_folder(source: &Path, destination: &Path) -> Result<Extracted, Diagnostic> {
    let listing = list(source)?;
    let mut tree = Tree::new(destination)?;
    for path in &listing.folders {
        tree.folder(path)?;
    }
    for (path, size) in &listing.files {
        let mut opened = open(source, path)?;
        let written = tree.file(path, *size, &mut |buffer| read(&mut opened, buffer));
        written.map_err(|refusal| match refusal.place {
            Some(_) => refusal,
            None => refusal.at(&path.under(source)),
        })?;
    }
    tree.finish().map(|files| Extracted { files })
}

/// The digest and size of every file in a folder, by the same rules.
pub fn measure(folder: &Path) -> Result<Files, Diagnostic> {
    let mut files = Files::new();
    let mut buffer = vec![0; 64 * 1024];
    for (path, _) in list(folder)?.files {
        let mut opened = open(folder, &path)?;
        let mut hasher = Sha256::new();
        let mut size = 0;
        loop {
            match read(&mut opened, &mut buffer)? {
                0 => break,
                read => {
                    hasher.update(&buffer[..read]);
                    size += read as u64;
                }
            }
        }
        files.insert(path, (Digest::finish(hasher), size));
    }
    Ok(files)
}

/// Looks at every name in a folder.
pub(super) fn list(folder: &Path) -> Result<Listing, Diagnostic> {
    let mut listing = Listing::default();
    let mut names = Names::default();
    let mut all = 0_u64;
    let mut waiting = vec![String::new()];
    while let Some(inside) = waiting.pop() {
        let path = folder.join(&inside);
        let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.map_err(|error| unreadable(&path, &error))? {
            let place = entry.path();
            let name = entry.file_name();
            let name = name.to_str().map(|name| match inside.as_str() {
                "" => name.to_owned(),
                inside => format!("{inside}/{name}"),
            });
            let found = name.ok_or_else(|| not_text(&place))?;
            let found = names::path(&found).map_err(|refusal| refusal.at(&place))?;
            // Of the entry itself: a link is not followed.
            let facts = entry.metadata().map_err(|error| unreadable(&place, &error))?;
            if facts.is_dir() {
                names.folder(&found).map_err(|refusal| refusal.at(&place))?;
                waiting.push(found.as_str().to_owned());
                listing.folders.push(found);
            } else if facts.is_file() {
                names.file(&found).map_err(|refusal| refusal.at(&place))?;
                all += facts.len();
                check_sizes(&found, facts.len(), all).map_err(|refusal| refusal.at(&place))?;
                listing.files.push((found, facts.len()));
            } else {
                return Err(kind_refused(&found, &place, facts.is_symlink()));
            }
        }
    }
    listing.folders.sort();
    listing.files.sort();
    Ok(listing)
}

/// Opens a file of a folder without following links.
pub(super) fn open(folder: &Path, path: &RelativePath) -> Result<Opened, Diagnostic> {
    Folder::open(folder).and_then(|folder| folder.file(path)).map_err(|problem| {
        let place = path.under(folder);
        match problem {
            Unreadable::Link(_) => kind_refused(path, &place, true),
            problem => Diagnostic::error("LDR-PACKAGE-READ", format!("`{path}` {problem}"))
                .hint(format!("make it readable: ls -l {}", shell_word(&place)))
                .at(&place),
        }
    })
}

/// Reads on in an open file.
pub(super) fn read(opened: &mut Opened, buffer: &mut [u8]) -> Result<usize, Diagnostic> {
    loop {
        match opened.file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(|error| unreadable(&opened.path, &error)),
        }
    }
}

/// What was looked at is not what was read.
pub(super) fn changed(path: &RelativePath) -> Diagnostic {
    Diagnostic::error("LDR-PACKAGE-CHANGED", format!("`{path}` changed while it was read"))
        .hint("wait until whatever writes the file is done, and try again")
}

fn kind_refused(path: &RelativePath, place: &Path, is_link: bool) -> Diagnostic {
    let what = if is_link { "a symbolic link" } else { "no regular file" };
    let message = format!("`{path}` is {what}; a package holds files and folders");
    let word = shell_word(place);
    let hint = match is_link {
        true => format!(
            "put what it leads to in its place: cp --remove-destination \"$(readlink -f {word})\" {word}"
        ),
        false => format!("remove it: rm {word}"),
    };
    Diagnostic::error("LDR-PACKAGE-KIND", message).at(place).hint(hint)
}

fn not_text(place: &Path) -> Diagnostic {
    let shown = place.file_name().unwrap_or_default().to_string_lossy().escape_debug().to_string();
    Diagnostic::error("LDR-PACKAGE-NAME", format!("`{shown}` is not UTF-8"))
        .at(place)
        .hint("rename it, and make the package anew")
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error("LDR-PACKAGE-READ", format!("it cannot be read: {error}"))
        .at(path)
        .hint(format!("make it readable: ls -ld {}", shell_word(path)))
}

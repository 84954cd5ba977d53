//! What a crate is built from, and whether that changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The files a crate is built from, with what tells one edition from the next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sources(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

/// Below the crate's folder.
const FILES: [&str; 2] = ["Cargo.toml", "build.rs"];

/// How deep modules may lie.
const DEPTH: usize = 16;

impl Sources {
    /// What is there now. Looks at `src` and at the files that say how to build.
    pub(super) fn look(folder: &Path) -> Self {
        let mut sources = Self::default();
        for file in FILES {
            sources.add(folder.join(file));
        }
        sources.walk(&folder.join("src"), DEPTH);
        sources
    }

    fn walk(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth > 0 => self.walk(&entry.path(), depth - 1),
                Ok(_) => self.add(entry.path()),
                Err(_) => {}
            }
        }
    }

    fn add(&mut self, path: PathBuf) {
        // What editors write beside a file is none.
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || name.ends_with('~') || name.starts_with('#') {
            return;
        }
        if let Ok(found) = fs::metadata(&path) {
            self.0.insert(path, (found.len(), found.modified().ok()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_seen_and_an_editors_own_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("src/deep")).expect("a folder");
        fs::write(folder.path().join("src/lib.rs"), "one").expect("written");
        let first = Sources::look(folder.path());
        for noise in ["src/.lib.rs.swp", "src/lib.rs~", "src/#lib.rs#", "notes.txt"] {
            fs::write(folder.path().join(noise), "noise").expect("written");
        }
        assert_eq!(Sources::look(folder.path()), first);
        fs::write(folder.path().join("src/deep/part.rs"), "two").expect("written");
        let second = Sources::look(folder.path());
        assert_ne!(second, first);
        fs::write(folder.path().join("src/lib.rs"), "three").expect("written");
        assert_ne!(Sources::look(folder.path()), second);
    }
}

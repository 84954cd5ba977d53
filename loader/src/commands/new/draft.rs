//! A folder of new files that is there whole or not at all.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::template::File;
use crate::finding::Finding;
use crate::shell;

/// Nobody but the owner may change what a plugin is made of, whatever the umask.
const FOLDER_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// Writes the files into a new folder.
pub(super) fn write(folder: &Path, files: &[File]) -> Result<(), Finding> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let written = Draft::make(parent).and_then(|draft| {
        files.iter().try_for_each(|file| draft.add(file))?;
        draft.finish(folder)
    });
    written.map_err(|error| {
        let finding = Finding::error("LDR-NEW-WRITE", format!("cannot make the plugin: {error}"));
        finding.at(folder).hint(match error.kind() {
            io::ErrorKind::NotFound => format!("mkdir -p {}", shell::word(parent)),
            _ => format!("ls -ld {}", shell::word(parent)),
        })
    })
}

/// The folder while it is being filled, beside where it will be. Dropped unfinished, it goes.
struct Draft(PathBuf);

impl Draft {
    fn make(parent: &Path) -> io::Result<Self> {
        let draft = parent.join(format!(".new-{}", std::process::id()));
        make_folder(&draft)?;
        Ok(Self(draft))
    }

    fn add(&self, file: &File) -> io::Result<()> {
        let path = self.0.join(file.path);
        match path.parent() {
            Some(parent) if !parent.exists() => make_folder(parent)?,
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE);
        options.open(path)?.write_all(file.text.as_bytes())
    }

    /// Puts it where it will be.
    fn finish(self, folder: &Path) -> io::Result<()> {
        // Of what came there meanwhile, a rename replaces nothing but an empty folder.
        fs::rename(&self.0, folder)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it is finished there is nothing of this name; otherwise what was wrong has been said.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(FOLDER_MODE).create(path)
}

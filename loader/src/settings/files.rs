//! The configuration files: where they are, and how they are read.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Sources;
use super::origin::{Layer, Origin};
use super::problem::{Problem, code};

/// The largest configuration file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// One place where a configuration file may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    pub(crate) layer: Layer,
    pub(crate) path: PathBuf,
}

/// The files of `sources`, from the one that everything overrides to the one that overrides
/// everything.
pub(crate) fn list(sources: &Sources) -> Vec<ConfigFile> {
    let system = (Layer::System, Some(sources.system.clone()));
    let user = (Layer::User, sources.user.clone());
    let last = match &sources.named {
        Some(named) => (Layer::Named, sources.working_directory.join(named)),
        None => (Layer::Project, sources.working_directory.join("loader.toml")),
    };
    let last = (last.0, Some(last.1));
    let mut files: Vec<ConfigFile> = Vec::new();
    for (layer, path) in [system, user, last] {
        let Some(path) = path else { continue };
        // Started in the folder of the user's own file, that file is not a project's as well.
        let is_listed = files.iter().any(|file| is_same(&file.path, &path));
        if !(layer == Layer::Project && is_listed) {
            files.push(ConfigFile { layer, path });
        }
    }
    files
}

/// The text of a file. `None` when there is no such file and nobody asked for it, or when it cannot
/// be read, which is a problem: a file that is skipped may have said what must not be loaded.
pub(crate) fn read(file: &ConfigFile, problems: &mut Vec<Problem>) -> Option<String> {
    let ConfigFile { layer, path } = file;
    let is_named = *layer == Layer::Named;
    let bytes = match read_bytes(path, is_named) {
        Ok(bytes) => bytes,
        Err(error)
            if !is_named
                && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            return None;
        }
        Err(error) => {
            problems.push(
                Problem::error(code::FILE, format!("cannot read the configuration: {error}"))
                    .at(&Origin::of_file(*layer, path))
                    .hint(if is_named {
                        "name a readable file after `--config`"
                    } else {
                        "make it a readable file, or remove it"
                    }),
            );
            return None;
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
            let last = valid.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            let column = String::from_utf8_lossy(last).chars().count() + 1;
            let origin =
                Origin { line: Some(line), column: Some(column), ..Origin::of_file(*layer, path) };
            problems.push(
                Problem::error(code::FILE, "the configuration is not UTF-8")
                    .at(&origin)
                    .hint("save the file as UTF-8"),
            );
            None
        }
    }
}

/// The bytes of a file. Only a file that the user named may be a pipe or the like: one that is just
/// found may not make the program wait.
fn read_bytes(path: &Path, may_be_special: bool) -> std::io::Result<Vec<u8>> {
    if !may_be_special && !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(std::io::Error::other(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

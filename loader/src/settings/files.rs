//! The configuration files: where they are, and how they are read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Sources;
use super::origin::{Layer, Origin};
use super::problem::{Problem, code};

/// The largest configuration file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The texts of files that are no regular ones, such as pipes: those are read once.
pub(crate) type Kept = BTreeMap<PathBuf, String>;

/// One place where a configuration file may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    pub(crate) layer: Layer,
    pub(crate) path: PathBuf,
    /// What names the file, if something does: then it must exist.
    pub(crate) named_by: Option<&'static str>,
}

/// The files of `sources`, from the one that everything overrides to the one that overrides
/// everything.
pub(crate) fn list(sources: &Sources) -> Vec<ConfigFile> {
    let found = |layer, path: &Path| ConfigFile { layer, path: path.to_owned(), named_by: None };
    let named = |layer, path, by| ConfigFile {
        layer,
        path: sources.working_directory.join(path),
        named_by: Some(by),
    };
    let last = match (&sources.named, &sources.named_by_variable) {
        (Some(path), _) => named(Layer::Named, path, "--config"),
        (None, Some(path)) => named(Layer::Project, path, "LOADER_CONFIG"),
        (None, None) => found(Layer::Project, &sources.working_directory.join("loader.toml")),
    };
    let user = sources.user.as_deref().map(|path| found(Layer::User, path));
    let mut files = vec![found(Layer::System, &sources.system)];
    for file in user.into_iter().chain([last]) {
        // Started in the folder of the user's own file, that file is not a project's as well.
        let is_listed = files.iter().any(|listed| is_same(&listed.path, &file.path));
        if !(file.layer == Layer::Project && is_listed) {
            files.push(file);
        }
    }
    files
}

/// The paths of those files, whether they are there or not, but for those that are read once.
pub(crate) fn places(sources: &Sources) -> Vec<PathBuf> {
    let paths = list(sources).into_iter().map(|file| file.path);
    paths.filter(|path| !sources.kept.contains_key(path)).collect()
}

/// The text of a file. `None` when there is no such file and nobody asked for it, or when it cannot
/// be read, which is a problem: a file that is skipped may have said what must not be loaded.
pub(crate) fn read(
    file: &ConfigFile,
    kept: &mut Kept,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let ConfigFile { layer, path, named_by } = file;
    if let Some(text) = kept.get(path) {
        return Some(text.clone());
    }
    let Found { bytes, is_regular } = match read_bytes(path, *layer == Layer::Named) {
        Ok(found) => found,
        Err(error)
            if named_by.is_none()
                && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            return None;
        }
        Err(error) => {
            problems.push(
                Problem::error(code::FILE, format!("cannot read the configuration: {error}"))
                    .at(&Origin::of_file(*layer, path))
                    .hint(match named_by {
                        Some(name) => format!("let `{name}` name a file that can be read"),
                        None => "make it a file that can be read, or remove it".to_owned(),
                    }),
            );
            return None;
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => {
            if !is_regular {
                kept.insert(path.clone(), text.clone());
            }
            Some(text)
        }
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

/// What is in a file.
struct Found {
    bytes: Vec<u8>,
    is_regular: bool,
}

/// The bytes of a file. Only a file that the user named may be a pipe or the like: one that is just
/// found may not make the program wait.
fn read_bytes(path: &Path, may_be_special: bool) -> std::io::Result<Found> {
    if !may_be_special && !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let is_regular = file.metadata()?.is_file();
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(std::io::Error::other(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(Found { bytes, is_regular })
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

//! The plugin at a path.

use loader_core::{
    diagnostic::Diagnostic,
    discovery::{Candidate, Origin, Root, discover},
    manifest::Platform,
};
use std::path::{Path, PathBuf};

/// What is tested: the plugins of one folder.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The folder that holds the manifest.
    pub folder: PathBuf,
    /// The plugin; several where the folder is a pack. There is at least one.
    pub candidates: Vec<Candidate>,
    /// What there is to say about the manifest besides.
    pub warnings: Vec<Diagnostic>,
}

/// The name of a manifest.
const MANIFEST: &str = "plugin.toml";

/// Finds the plugin of a folder, or the one beside a manifest or a library.
///
/// Fails with `LDR-TEST-PATH` where there is none, with `LDR-TEST-LIBRARY` where it was not built, and
/// otherwise with what is wrong with the manifest.
pub fn find(path: &Path) -> Result<Subject, Diagnostic> {
    let folder = folder_of(path)?;
    let root = Root { path: folder.clone(), origin: Origin::Config, required: true };
    let found = discover(&[root]);
    let (mut errors, warnings): (Vec<_>, Vec<_>) =
        found.diagnostics.into_iter().partition(Diagnostic::is_error);
    if !errors.is_empty() {
        return Err(errors.swap_remove(0));
    }
    if found.candidates.is_empty() {
        return Err(nothing(path, "holds no plugin"));
    }
    for candidate in &found.candidates {
        require_library(candidate)?;
    }
    Ok(Subject { folder, candidates: found.candidates, warnings })
}

fn folder_of(path: &Path) -> Result<PathBuf, Diagnostic> {
    let path =
        path.canonicalize().map_err(|error| nothing(path, &format!("is not there: {error}")))?;
    let folder = match path.is_dir() {
        true => path.clone(),
        false => path.parent().map(Path::to_owned).unwrap_or_default(),
    };
    match folder.join(MANIFEST).is_file() {
        true => Ok(folder),
        false => Err(nothing(&path, &format!("has no {MANIFEST}"))),
    }
}

fn nothing(path: &Path, why: &str) -> Diagnostic {
    Diagnostic::error("LDR-TEST-PATH", format!("no plugin can be tested here: the path {why}"))
        .at(path)
        .hint(format!(
            "name the folder with the plugin's {MANIFEST} and its built library, such as \
             target/release/plugins/<id>"
        ))
}

/// The library must have been built, where the manifest says it is.
fn require_library(candidate: &Candidate) -> Result<(), Diagnostic> {
    let library = candidate.spec().content.library();
    let Some(library) = Platform::current().zip(library) else { return Ok(()) };
    // A manifest without a library for this platform is refused like any other.
    let Some(file) = library.1.file_for(library.0) else { return Ok(()) };
    let wanted = candidate.folder().join(file.as_str());
    if wanted.exists() {
        return Ok(());
    }
    let elsewhere = laid_out(candidate);
    let mut message = format!("there is no built library; looked for {}", wanted.display());
    if let Some((place, false)) = &elsewhere {
        message.push_str(&format!(" and {}", place.display()));
    }
    let hint = match elsewhere {
        Some((place, true)) => {
            format!("it was built there: loader plugins test {}", place.display())
        }
        _ => "build it: cargo build --release".to_owned(),
    };
    Err(Diagnostic::error("LDR-TEST-LIBRARY", message)
        .at(candidate.manifest_path())
        .about(candidate.id())
        .hint(hint))
}

/// Where a repository of several plugins lays this one out, and whether it did.
fn laid_out(candidate: &Candidate) -> Option<(PathBuf, bool)> {
    let above = candidate.folder().ancestors().skip(1);
    let built = above.map(|folder| folder.join("target/release")).find(|folder| folder.is_dir())?;
    let place = built.join("plugins").join(candidate.id());
    let is_there = place.join(MANIFEST).is_file();
    Some((place, is_there))
}

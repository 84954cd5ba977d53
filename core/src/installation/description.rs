//! What installing a folder would write down, from its manifest and its files alone.

use super::one;
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::{self, Origin, Provenance, Root},
    manifest::{Manifest, RelativePath},
    package,
    trust::lock::{Agreed, Installed, folder_name},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What installing a folder would write down, without examining its libraries.
pub fn described(folder: &Path) -> Result<Installed, Vec<Diagnostic>> {
    let manifest = manifest_of(folder)?;
    let files = package::measure(folder).map_err(one)?;
    let files = files.into_iter().map(|(path, (digest, _))| (path, digest)).collect();
    Ok(release_of(manifest, files, &folder.display().to_string(), 0))
}

pub(super) fn release_of(
    manifest: Manifest,
    files: BTreeMap<RelativePath, Digest>,
    source: &str,
    change: u64,
) -> Installed {
    Installed {
        folder: folder_name(&manifest.id, &manifest.version, &files),
        agreed: Agreed::of(&manifest),
        id: manifest.id,
        version: manifest.version,
        current: true,
        source: source.to_owned(),
        change,
        serial: None,
        publisher: None,
        files,
    }
}

/// The folder that is the plugin's, and its files: what people archive is often the folder itself.
pub(super) fn package_root(
    unpacked: &Path,
    files: BTreeMap<RelativePath, Digest>,
) -> (PathBuf, BTreeMap<RelativePath, Digest>) {
    let plain = || (unpacked.to_owned(), files.clone());
    if files.contains_key(&RelativePath::manifest()) {
        return plain();
    }
    let Some((top, _)) = files.keys().next().and_then(|file| file.as_str().split_once('/')) else {
        return plain();
    };
    let inside = files.iter().map(|(file, digest)| {
        let rest = file.as_str().strip_prefix(top)?.strip_prefix('/')?;
        Some((rest.parse::<RelativePath>().ok()?, *digest))
    });
    match inside.collect::<Option<BTreeMap<_, _>>>() {
        Some(inside) if inside.contains_key(&RelativePath::manifest()) => {
            (unpacked.join(top), inside)
        }
        _ => plain(),
    }
}

/// The id of the plugin, or the pack, in a folder.
pub(super) fn id_of(folder: &Path) -> Result<String, Vec<Diagnostic>> {
    manifest_of(folder).map(|manifest| manifest.id)
}

pub(super) fn manifest_of(folder: &Path) -> Result<Manifest, Vec<Diagnostic>> {
    let (candidates, findings) = discovery::look_at(folder, &root_at(folder), Provenance::Placed);
    match candidates.first() {
        Some(candidate) => Ok(candidate.manifest().clone()),
        None => Err(findings),
    }
}

/// The folder that plugins are installed in, as it would be looked at.
pub(super) fn root_at(path: &Path) -> Root {
    Root { path: path.to_owned(), origin: Origin::User, required: true }
}

//! What lies in the roots, in the order in which it counts. No manifest is read for it.

use super::{
    Provenance, Root,
    findings::{missing, unlocked},
};
use crate::{
    diagnostic::Diagnostic,
    folder::{Unreadable, shell_word},
    manifest,
    trust::lock::{self, Lock},
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Something in a root.
pub(super) enum Sight {
    /// A folder that should hold a plugin.
    Folder(Place),
    /// Something else, and what there is to say about it.
    Finding(Diagnostic),
}

/// A folder that should hold a plugin.
pub(super) struct Place {
    /// The folder.
    pub(super) path: PathBuf,
    /// The root it counts for.
    pub(super) root: Root,
    /// How it came to be there.
    pub(super) provenance: Provenance,
}

/// Everything in a root.
pub(super) fn look_in(root: &Root) -> io::Result<Vec<Sight>> {
    if root.path.join(manifest::FILE_NAME).symlink_metadata().is_ok() {
        return Ok(vec![folder(root.path.clone(), root, Provenance::Placed)]);
    }
    let folders = plugin_folders(&root.path)?;
    let (mut sights, mut releases, mut placed) = (Vec::new(), BTreeSet::new(), Vec::new());
    for (path, is_link) in folders {
        if is_link {
            let message = "a symbolic link in a plugin folder is not followed";
            let hint = Unreadable::Link(path.clone()).mending(&path).unwrap_or_default();
            let finding = Diagnostic::warning("LDR-DISCOVERY-LINK", message);
            sights.push(Sight::Finding(finding.at(&path).hint(hint)));
        } else if is_release(&path) {
            releases.insert(path);
        } else {
            placed.push(path);
        }
    }
    // What is said in the lock was meant; what merely lies there comes after it.
    sights.extend(look_in_lock(root, &releases));
    sights.extend(placed.into_iter().map(|path| folder(path, root, Provenance::Placed)));
    Ok(sights)
}

/// What the lock of a root names. `releases` are the folders that count only then.
fn look_in_lock(root: &Root, releases: &BTreeSet<PathBuf>) -> Vec<Sight> {
    let lock = match Lock::read(&root.path) {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            let refused = releases.iter().map(|path| unlocked(path, &root.path));
            return refused.map(Sight::Finding).collect();
        }
        Err(damage) => return vec![Sight::Finding(damage)],
    };
    let linked = lock.linked.iter().map(|linked| {
        // What is linked is a root of its own: it lies elsewhere.
        let root = Root { path: linked.path.clone(), ..root.clone() };
        folder(linked.path.clone(), &root, Provenance::Linked)
    });
    let installed = lock.installed.iter().filter(|release| release.current).map(|release| {
        let path = root.path.join(&release.folder);
        match releases.contains(&path) {
            true => folder(path, root, Provenance::Installed(Arc::new(release.clone()))),
            false => Sight::Finding(missing(release, &path)),
        }
    });
    linked.chain(installed).collect()
}

fn folder(path: PathBuf, root: &Root, provenance: Provenance) -> Sight {
    Sight::Folder(Place { path, root: root.clone(), provenance })
}

/// Why a root cannot be looked in: the end of a sentence that begins with its path.
pub(super) fn problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// What there is to say about a root that cannot be looked in: nothing, if nobody expects that it is there.
pub(super) fn unusable(root: &Root, error: &io::Error) -> Vec<Sight> {
    let message = format!("the plugin folder {}", problem(error));
    let path = shell_word(&root.path);
    let finding = match error.kind() {
        io::ErrorKind::NotFound if !root.required => return Vec::new(),
        io::ErrorKind::NotFound => Diagnostic::warning("LDR-DISCOVERY-ROOT", message)
            .hint(format!("mkdir -p {path}, or name another folder")),
        _ => Diagnostic::error("LDR-DISCOVERY-ROOT", message)
            .hint(format!("name a folder you may read; ls -ld {path}")),
    };
    vec![Sight::Finding(finding.at(&root.path))]
}

/// The folders in a root, by name, and whether each is a symbolic link. Names that begin with `.`
/// or `_` are not looked at.
fn plugin_folders(root: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        if [b'.', b'_'].iter().any(|first| name.as_encoded_bytes().first() == Some(first)) {
            continue;
        }
        let kind = entry.file_type()?;
        let leads_to_a_folder = || fs::metadata(entry.path()).is_ok_and(|target| target.is_dir());
        if kind.is_dir() || (kind.is_symlink() && leads_to_a_folder()) {
            folders.push((name, kind.is_symlink()));
        }
    }
    folders.sort();
    Ok(folders.into_iter().map(|(name, is_link)| (root.join(name), is_link)).collect())
}

/// Whether a folder holds an installed release, by its name.
fn is_release(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(lock::is_release_folder)
}

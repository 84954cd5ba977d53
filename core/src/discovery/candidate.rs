//! A plugin that was found, and how its folder came to be there.

use super::Origin;
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    folder::{Folder, shell_word},
    manifest::{Bundle, Content, Manifest, PluginSpec, RelativePath},
    trust::lock::Installed,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A plugin whose manifest was read, and nothing else. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub(super) found: Arc<Found>,
    pub(super) spec: Arc<PluginSpec>,
}

/// A plugin folder with a sound manifest; the plugins of a pack share it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) origin: Origin,
    pub(super) root: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) manifest_path: PathBuf,
    pub(super) manifest_digest: Digest,
    pub(super) provenance: Provenance,
}

/// How a plugin folder came to be where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// Somebody put it there.
    Placed,
    /// It is a folder under development that the root's lock links.
    Linked,
    /// It was installed, and this is what the root's lock says about it.
    Installed(Arc<Installed>),
    /// It is about to be installed, and this is what the lock would say.
    Prepared(Arc<Installed>),
}

impl Candidate {
    /// The plugin's full id.
    pub fn id(&self) -> &str {
        &self.spec.id
    }

    /// The plugin.
    pub fn spec(&self) -> &PluginSpec {
        &self.spec
    }

    /// What it brings instead of code, if it is a bundle.
    pub fn bundle(&self) -> Option<&Bundle> {
        match &self.spec.content {
            Content::Library(_) => None,
            Content::Bundle(bundle) => Some(bundle),
        }
    }

    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        self.found.origin
    }

    /// How its folder came to be there.
    pub fn provenance(&self) -> &Provenance {
        &self.found.provenance
    }

    /// What the lock says about it, or would say, if it was installed or is about to be.
    pub fn installed(&self) -> Option<&Installed> {
        match &self.found.provenance {
            Provenance::Installed(release) | Provenance::Prepared(release) => Some(release),
            Provenance::Placed | Provenance::Linked => None,
        }
    }

    /// The folder it was found in: one that plugins are kept in, or its own.
    pub fn root(&self) -> &Path {
        &self.found.root
    }

    /// Whether its folder is under development: the operator named it, or the folder it is in.
    pub fn is_linked(&self) -> bool {
        self.found.origin == Origin::Config || self.found.provenance == Provenance::Linked
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.found.folder
    }

    /// The whole manifest, which in a pack speaks of other plugins too.
    pub fn manifest(&self) -> &Manifest {
        &self.found.manifest
    }

    /// The manifest's path.
    pub fn manifest_path(&self) -> &Path {
        &self.found.manifest_path
    }

    /// The digest of the manifest's text.
    pub fn manifest_digest(&self) -> Digest {
        self.found.manifest_digest
    }

    /// Reads a small file of the plugin's folder, such as a configuration schema, without following
    /// symbolic links. A file of more than `limit` bytes is refused, and so is one that is not what
    /// was installed.
    pub fn read(&self, file: &RelativePath, limit: u64) -> Result<Vec<u8>, Diagnostic> {
        let path = file.under(self.folder());
        let opened = Folder::open(self.folder()).and_then(|folder| folder.file(file)?.read(limit));
        let bytes = opened.map_err(|problem| {
            let message = format!("`{file}`, which the manifest names, {problem}");
            let hint = problem.mending(&path).unwrap_or_else(|| {
                format!("put the file there, or correct {}", self.manifest_path().display())
            });
            Diagnostic::error("LDR-MANIFEST-FILE", message).at(&path).about(self.id()).hint(hint)
        })?;
        match self.installed() {
            Some(release) if release.files.get(file) != Some(&Digest::of(&bytes)) => {
                let message = format!("`{file}` is not what was installed");
                Err(Diagnostic::error("LDR-VET-LOCK", message).at(&path).about(self.id()).hint(
                    format!("loader plugins install {}", shell_word(Path::new(&release.source))),
                ))
            }
            _ => Ok(bytes),
        }
    }
}

//! Finds plugins by their manifests, in the folders the operator named. Touches no code.
//!
//! A root holds plugin folders, each with a `plugin.toml`; a root that has a `plugin.toml` itself is
//! one plugin folder, which is how a folder under development is linked in. Roots come in order of
//! precedence: a plugin in an earlier origin hides one of the same id in a later origin, visibly;
//! within one origin the second of two is refused. One bad folder never stops the others.

use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    folder::{Folder, Unreadable, shell_word},
    manifest::{self, Manifest, PluginSpec, RelativePath},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A folder to look in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The folder.
    pub path: PathBuf,
    /// Who named it.
    pub origin: Origin,
    /// Whether somebody expects it to exist, so that its absence is worth a warning.
    pub required: bool,
}

/// Where a plugin comes from, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A path in the configuration or on the command line.
    Config,
    /// The workspace.
    Workspace,
    /// The user's own plugins.
    User,
    /// The plugins that come with the host.
    Bundled,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// One candidate for each plugin that is not hidden, in the order of their ids.
    pub candidates: Vec<Candidate>,
    /// Everything there is to say, in the order of the roots.
    pub diagnostics: Vec<Diagnostic>,
}

/// A plugin whose manifest was read, and nothing else. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Candidate {
    found: Arc<Found>,
    spec: Arc<PluginSpec>,
}

/// A plugin folder with a sound manifest; the plugins of a pack share it.
#[derive(Debug)]
struct Found {
    origin: Origin,
    root: PathBuf,
    folder: PathBuf,
    manifest: Manifest,
    manifest_path: PathBuf,
    manifest_digest: Digest,
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

    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        self.found.origin
    }

    /// The folder it was found in: one that plugins are kept in, or its own.
    pub fn root(&self) -> &Path {
        &self.found.root
    }

    /// Whether its folder is under development: the operator named it, or the folder it is in.
    pub fn is_linked(&self) -> bool {
        self.found.origin == Origin::Config
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
    /// symbolic links. A file of more than `limit` bytes is refused.
    pub fn read(&self, file: &RelativePath, limit: u64) -> Result<Vec<u8>, Diagnostic> {
        Folder::open(self.folder()).and_then(|folder| folder.file(file)?.read(limit)).map_err(
            |problem| {
                let path = file.under(self.folder());
                let message = format!("`{file}`, which the manifest names, {problem}");
                let hint = problem.mending(&path).unwrap_or_else(|| {
                    format!("put the file there, or correct {}", self.manifest_path().display())
                });
                Diagnostic::error("LDR-MANIFEST-FILE", message)
                    .at(&path)
                    .about(self.id())
                    .hint(hint)
            },
        )
    }
}

/// Looks for plugins. `roots` come in order of precedence. Blocks on the file system.
pub fn discover(roots: &[Root]) -> Discovery {
    let mut search = Search::default();
    for root in roots {
        search.look_in(root);
    }
    let plugins = search.winners.values().flat_map(|found| {
        found
            .manifest
            .plugins()
            .into_iter()
            .map(|spec| Candidate { found: Arc::clone(found), spec: Arc::new(spec) })
    });
    let mut candidates: Vec<Candidate> = plugins.collect();
    candidates.sort_by(|one, other| one.id().cmp(other.id()));
    Discovery { candidates, diagnostics: search.diagnostics }
}

#[derive(Default)]
struct Search {
    /// The folder that won each id, by the id of its manifest: a pack wins or loses as a whole.
    winners: BTreeMap<String, Arc<Found>>,
    /// Folders that were looked at; two roots may lead to the same one.
    seen: BTreeSet<PathBuf>,
    diagnostics: Vec<Diagnostic>,
}

impl Search {
    fn look_in(&mut self, root: &Root) {
        if root.path.join(manifest::FILE_NAME).symlink_metadata().is_ok() {
            return self.look_at(root.path.clone(), root);
        }
        let folders = match plugin_folders(&root.path) {
            Ok(folders) => folders,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if root.required {
                    let hint =
                        format!("mkdir -p {}, or name another folder", shell_word(&root.path));
                    let message = "the plugin folder does not exist";
                    let finding = Diagnostic::warning("LDR-DISCOVERY-ROOT", message);
                    self.diagnostics.push(finding.at(&root.path).hint(hint));
                }
                return;
            }
            Err(error) => {
                let message = format!("the plugin folder cannot be read: {error}");
                let finding = Diagnostic::error("LDR-DISCOVERY-ROOT", message).at(&root.path);
                let hint = format!("name a folder you may read; ls -ld {}", shell_word(&root.path));
                self.diagnostics.push(finding.hint(hint));
                return;
            }
        };
        for (path, is_link) in folders {
            if is_link {
                let message = "a symbolic link in a plugin folder is not followed";
                let hint = Unreadable::Link(path.clone()).mending(&path).unwrap_or_default();
                let finding = Diagnostic::warning("LDR-DISCOVERY-LINK", message);
                self.diagnostics.push(finding.at(&path).hint(hint));
            } else {
                self.look_at(path, root);
            }
        }
    }

    fn look_at(&mut self, path: PathBuf, root: &Root) {
        if let Ok(canonical) = fs::canonicalize(&path)
            && !self.seen.insert(canonical)
        {
            return;
        }
        let found = match read(path, root) {
            Ok((found, warnings)) => {
                self.diagnostics.extend(warnings);
                found
            }
            Err(problems) => return self.diagnostics.extend(problems),
        };
        match self.winners.get(&found.manifest.id) {
            Some(winner) => self.diagnostics.push(collision(winner, &found)),
            None => drop(self.winners.insert(found.manifest.id.clone(), Arc::new(found))),
        }
    }
}

/// The folders in a root, by name, and whether each is a symbolic link. Names that begin with `.`
/// or `_` are not looked at.
fn plugin_folders(root: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".")
            || entry.file_name().as_encoded_bytes().starts_with(b"_")
        {
            continue;
        }
        let kind = entry.file_type()?;
        let leads_to_a_folder = || fs::metadata(entry.path()).is_ok_and(|target| target.is_dir());
        if kind.is_dir() || (kind.is_symlink() && leads_to_a_folder()) {
            folders.push((entry.path(), kind.is_symlink()));
        }
    }
    folders.sort();
    Ok(folders)
}

/// Reads the manifest of a plugin folder. Warnings come with it, errors instead of it.
fn read(path: PathBuf, root: &Root) -> Result<(Found, Vec<Diagnostic>), Vec<Diagnostic>> {
    let manifest_path = path.join(manifest::FILE_NAME);
    let refused = |finding: Diagnostic| vec![finding.at(&manifest_path)];
    let bytes = Folder::open(&path)
        .and_then(|folder| folder.file(&RelativePath::manifest())?.read(manifest::MAX_BYTES as u64))
        .map_err(|problem| refused(unreadable(&path, &problem)))?;
    let manifest_digest = Digest::of(&bytes);
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let message = format!("the manifest is not UTF-8 text: byte {} is wrong", good + 1);
        let finding = Diagnostic::error("LDR-MANIFEST-SYNTAX", message);
        refused(finding.hint("save the file as UTF-8"))
    })?;
    let parsed = Manifest::parse(&manifest_path, &text);
    match parsed.manifest {
        Some(manifest) => {
            let (origin, root) = (root.origin, root.path.clone());
            let folder = path;
            let found = Found { origin, root, folder, manifest, manifest_path, manifest_digest };
            Ok((found, parsed.diagnostics))
        }
        None => Err(parsed.diagnostics),
    }
}

fn unreadable(folder: &Path, problem: &Unreadable) -> Diagnostic {
    match problem {
        Unreadable::Missing => {
            Diagnostic::warning("LDR-DISCOVERY-EMPTY", "the folder holds no plugin.toml")
                .hint("add one, or move the folder out of the plugin folder")
        }
        Unreadable::TooLarge { .. } => {
            Diagnostic::error("LDR-MANIFEST-SIZE", format!("the manifest {problem}"))
                .hint("move long content into files of their own")
        }
        _ => {
            let hint = problem.mending(&folder.join(manifest::FILE_NAME)).unwrap_or_else(|| {
                format!("make it a plain file you may read; ls -la {}", shell_word(folder))
            });
            Diagnostic::error("LDR-MANIFEST-READ", format!("the manifest {problem}")).hint(hint)
        }
    }
}

/// Two folders with one id: hidden by precedence, or refused within one origin.
fn collision(winner: &Found, loser: &Found) -> Diagnostic {
    let id = &loser.manifest.id;
    let (first, second) = (winner.folder.display(), loser.folder.display());
    let finding = if winner.origin == loser.origin {
        let message = format!(
            "two plugins of one origin ({}) have the id `{id}`: {first} is used, {second} is refused",
            loser.origin
        );
        let hint = "remove one of the two folders, or give one of the plugins another id";
        Diagnostic::error("LDR-DISCOVERY-DUPLICATE", message).hint(hint)
    } else {
        let message = format!(
            "`{id}` {} from {} ({second}) is hidden by `{id}` {} from {} ({first})",
            loser.manifest.version, loser.origin, winner.manifest.version, winner.origin
        );
        let hint = format!("remove {first} to use the hidden one");
        Diagnostic::warning("LDR-DISCOVERY-SHADOWED", message).hint(hint)
    };
    finding.at(&loser.manifest_path).about(id)
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Config => "config",
            Self::Workspace => "workspace",
            Self::User => "user",
            Self::Bundled => "bundled",
        })
    }
}

//! Finds plugins by their manifests, in the folders the operator named. Touches no code.
//!
//! A root holds plugin folders, each with a `plugin.toml`; a root that has a `plugin.toml` itself is
//! one plugin folder, which is how a folder under development is linked in. Roots come in order of
//! precedence: a plugin in an earlier origin hides one of the same id in a later origin, visibly;
//! within one origin the second of two is refused. One bad folder never stops the others.
//!
//! A root may have a [lock](crate::trust::lock): the releases it names lie in folders of a name that
//! no other plugin folder has, and what it links is looked at as if it lay in the root.

mod findings;

use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    folder::{Folder, Unreadable, shell_word},
    manifest::{self, Bundle, Content, Manifest, PluginSpec, RelativePath},
    trust::lock::{self, Installed, Lock},
};
use findings::{collision, missing, not_used, unlocked, unreadable};
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
    provenance: Provenance,
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

/// Looks for plugins. `roots` come in order of precedence. Blocks on the file system.
pub fn discover(roots: &[Root]) -> Discovery {
    discover_where(roots, &|_, _, _| true)
}

/// Whether a plugin of this origin, id and slot takes part, so that it may hide others.
pub(crate) type TakesPart<'a> = &'a dyn Fn(Origin, &str, Option<&str>) -> bool;

/// Looks for plugins, and names those that take no part.
pub(crate) fn discover_where(roots: &[Root], takes_part: TakesPart<'_>) -> Discovery {
    let mut search = Search::new(takes_part);
    for root in roots {
        search.look_in(root);
    }
    let mut candidates: Vec<Candidate> = search.winners.values().flat_map(candidates_of).collect();
    candidates.sort_by(|one, other| one.id().cmp(other.id()));
    Discovery { candidates, diagnostics: search.diagnostics }
}

/// Looks at one plugin folder. No candidate means that the diagnostics say why.
pub(crate) fn look_at(
    folder: &Path,
    root: &Root,
    provenance: Provenance,
) -> (Vec<Candidate>, Vec<Diagnostic>) {
    match read(folder.to_owned(), root, provenance) {
        Ok((found, diagnostics)) => (candidates_of(&Arc::new(found)).collect(), diagnostics),
        Err(diagnostics) => (Vec::new(), diagnostics),
    }
}

/// The plugins of a folder.
fn candidates_of(found: &Arc<Found>) -> impl Iterator<Item = Candidate> {
    let plugins = found.manifest.plugins().into_iter();
    plugins.map(|spec| Candidate { found: Arc::clone(found), spec: Arc::new(spec) })
}

struct Search<'a> {
    takes_part: TakesPart<'a>,
    /// The folder that won each id, by the id of its manifest: a pack wins or loses as a whole.
    winners: BTreeMap<String, Arc<Found>>,
    /// Folders that were looked at; two roots may lead to the same one.
    seen: BTreeSet<PathBuf>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Search<'a> {
    fn new(takes_part: TakesPart<'a>) -> Self {
        let (winners, seen) = (BTreeMap::new(), BTreeSet::new());
        Self { takes_part, winners, seen, diagnostics: Vec::new() }
    }

    fn look_in(&mut self, root: &Root) {
        if root.path.join(manifest::FILE_NAME).symlink_metadata().is_ok() {
            return self.look_at(root.path.clone(), root, Provenance::Placed);
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
        let (mut releases, mut placed) = (BTreeSet::new(), Vec::new());
        for (path, is_link) in folders {
            if is_link {
                let message = "a symbolic link in a plugin folder is not followed";
                let hint = Unreadable::Link(path.clone()).mending(&path).unwrap_or_default();
                let finding = Diagnostic::warning("LDR-DISCOVERY-LINK", message);
                self.diagnostics.push(finding.at(&path).hint(hint));
            } else if is_release(&path) {
                releases.insert(path);
            } else {
                placed.push(path);
            }
        }
        // What is said in the lock was meant; what merely lies there comes after it.
        self.look_in_lock(root, &releases);
        for path in placed {
            self.look_at(path, root, Provenance::Placed);
        }
    }

    /// Looks at what the lock of a root names. `releases` are the folders that count only then.
    fn look_in_lock(&mut self, root: &Root, releases: &BTreeSet<PathBuf>) {
        let lock = match Lock::read(&root.path) {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                let refused = releases.iter().map(|path| unlocked(path, &root.path));
                return self.diagnostics.extend(refused);
            }
            Err(damage) => return self.diagnostics.push(damage),
        };
        for linked in &lock.linked {
            // What is linked is a root of its own: it lies elsewhere.
            let root = Root { path: linked.path.clone(), ..root.clone() };
            self.look_at(linked.path.clone(), &root, Provenance::Linked);
        }
        for release in lock.installed.iter().filter(|release| release.current) {
            let path = root.path.join(&release.folder);
            match releases.contains(&path) {
                true => {
                    let release = Provenance::Installed(Arc::new(release.clone()));
                    self.look_at(path, root, release);
                }
                false => self.diagnostics.push(missing(release, &path)),
            }
        }
    }

    fn look_at(&mut self, path: PathBuf, root: &Root, provenance: Provenance) {
        if let Ok(canonical) = fs::canonicalize(&path)
            && !self.seen.insert(canonical)
        {
            return;
        }
        let found = match read(path, root, provenance) {
            Ok((found, warnings)) => {
                self.diagnostics.extend(warnings);
                found
            }
            Err(problems) => return self.diagnostics.extend(problems),
        };
        let plugins = found.manifest.plugins();
        if !plugins.iter().any(|one| (self.takes_part)(root.origin, &one.id, one.slot.as_deref())) {
            return self.diagnostics.push(not_used(&found));
        }
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
fn read(
    path: PathBuf,
    root: &Root,
    provenance: Provenance,
) -> Result<(Found, Vec<Diagnostic>), Vec<Diagnostic>> {
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
            let found = Found {
                origin: root.origin,
                root: root.path.clone(),
                folder: path,
                manifest,
                manifest_path,
                manifest_digest,
                provenance,
            };
            Ok((found, parsed.diagnostics))
        }
        None => Err(parsed.diagnostics),
    }
}

/// Whether a folder holds an installed release, by its name.
fn is_release(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(lock::is_release_folder)
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

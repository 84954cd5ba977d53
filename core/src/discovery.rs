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
mod roots;

use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    folder::{Folder, Identity, Opened, Unreadable, Ways, shell_word},
    manifest::{self, Bundle, Content, Manifest, PluginSpec, RelativePath},
    processors::on_all_processors,
    trust::lock::Installed,
};
use findings::{collision, not_used, unreadable};
use roots::{Place, Sight};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt,
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

/// A folder that was looked in, and what came of it.
#[derive(Debug, Clone)]
pub struct Searched {
    /// The folder.
    pub root: Root,
    /// Why nothing could be looked at there, if so: the end of a sentence that begins with its path.
    pub problem: Option<String>,
    /// How many plugins it holds, those that are hidden among them.
    pub plugins: usize,
    /// What else it holds, and why that is no plugin.
    pub refused: Vec<Diagnostic>,
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
    let Visited { plugins, diagnostics, .. } = visit(roots, takes_part, |_, _| ());
    let candidates = plugins.into_iter().map(|(candidate, ())| candidate).collect();
    Discovery { candidates, diagnostics }
}

/// What came of a visit.
pub(crate) struct Visited<Look> {
    /// Each plugin that is not hidden, in the order of their ids, and what the look at it found.
    pub(crate) plugins: Vec<(Candidate, Look)>,
    /// Every root, in order.
    pub(crate) searched: Vec<Searched>,
    /// Everything there is to say, in the order of the roots.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Looks for plugins, and at each while its folder is open; at those that are hidden, too.
pub(crate) fn visit<Look: Send>(
    roots: &[Root],
    takes_part: TakesPart<'_>,
    look: impl Fn(&Candidate, &Visit) -> Look + Sync,
) -> Visited<Look> {
    let mut search = Search::new(takes_part);
    let mut sights = Vec::new();
    for (number, root) in roots.iter().enumerate() {
        let (found, problem) = match roots::look_in(root) {
            Ok(found) => (found, None),
            Err(error) => (roots::unusable(root, &error), Some(roots::problem(&error))),
        };
        sights.extend(found.into_iter().map(|sight| (number, sight)));
        search.searched.push(Searched {
            root: root.clone(),
            problem,
            plugins: 0,
            refused: Vec::new(),
        });
    }
    let ways = Ways::default();
    let seen = on_all_processors(&sights, |(number, sight)| match sight {
        Sight::Folder(place) => (*number, Seen::look_at(place, &ways, &look)),
        Sight::Finding(finding) => (*number, Seen::nothing(None, vec![finding.clone()])),
    });
    seen.into_iter().for_each(|(number, seen)| search.take(number, seen));
    let mut plugins: Vec<(Candidate, Look)> = search.winners.into_values().flatten().collect();
    plugins.sort_by(|(one, _), (other, _)| one.id().cmp(other.id()));
    Visited { plugins, searched: search.searched, diagnostics: search.diagnostics }
}

/// Looks at one plugin folder. No candidate means that the diagnostics say why.
pub(crate) fn look_at(
    folder: &Path,
    root: &Root,
    provenance: Provenance,
) -> (Vec<Candidate>, Vec<Diagnostic>) {
    let place = Place { path: folder.to_owned(), root: root.clone(), provenance };
    let seen = Seen::look_at(&place, &Ways::default(), &|_: &Candidate, _: &Visit| ());
    let candidates = seen.plugins.into_iter().map(|(candidate, ())| candidate).collect();
    (candidates, seen.diagnostics)
}

/// A plugin's folder, and its manifest as it was read, both open.
pub(crate) struct Visit {
    /// The folder, reached from `/`.
    pub(crate) folder: Folder,
    /// The manifest, read to its end.
    pub(crate) manifest: Opened,
}

/// What was found in one place.
struct Seen<Look> {
    /// Which folder it is, whatever its path.
    identity: Option<Identity>,
    /// Its plugins, which share a manifest; none when the diagnostics say why.
    plugins: Vec<(Candidate, Look)>,
    diagnostics: Vec<Diagnostic>,
}

impl<Look> Seen<Look> {
    fn nothing(identity: Option<Identity>, diagnostics: Vec<Diagnostic>) -> Self {
        Self { identity, plugins: Vec::new(), diagnostics }
    }

    fn look_at(place: &Place, ways: &Ways, look: &impl Fn(&Candidate, &Visit) -> Look) -> Self {
        let folder = ways.reach(&place.root.path, &place.path);
        let identity = folder.as_ref().ok().and_then(Folder::identity);
        let (found, visit, diagnostics) = match read(folder, place) {
            Ok(read) => read,
            Err(diagnostics) => return Self::nothing(identity, diagnostics),
        };
        let found = Arc::new(found);
        let plugins = found.manifest.plugins().into_iter().map(|spec| {
            let candidate = Candidate { found: Arc::clone(&found), spec: Arc::new(spec) };
            let look = look(&candidate, &visit);
            (candidate, look)
        });
        Self { identity, plugins: plugins.collect(), diagnostics }
    }
}

/// Who wins, of what was seen.
struct Search<'a, Look> {
    takes_part: TakesPart<'a>,
    /// The plugins that won each id of a manifest: a pack wins or loses as a whole.
    winners: BTreeMap<String, Vec<(Candidate, Look)>>,
    /// Folders that were looked at; two roots may lead to the same one.
    known: BTreeSet<Identity>,
    searched: Vec<Searched>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a, Look> Search<'a, Look> {
    fn new(takes_part: TakesPart<'a>) -> Self {
        let (winners, known) = (BTreeMap::new(), BTreeSet::new());
        Self { takes_part, winners, known, searched: Vec::new(), diagnostics: Vec::new() }
    }

    /// Takes what was seen in a root, by its number.
    fn take(&mut self, number: usize, seen: Seen<Look>) {
        let searched = &mut self.searched[number];
        searched.plugins += seen.plugins.len();
        let refused = seen.diagnostics.iter().filter(|_| seen.plugins.is_empty());
        searched.refused.extend(refused.cloned());
        if seen.identity.is_some_and(|identity| !self.known.insert(identity)) {
            return;
        }
        self.diagnostics.extend(seen.diagnostics);
        let Some((first, _)) = seen.plugins.first() else { return };
        let takes_part = |(one, _): &(Candidate, Look)| {
            (self.takes_part)(one.origin(), one.id(), one.spec().slot.as_deref())
        };
        if !seen.plugins.iter().any(takes_part) {
            return self.diagnostics.push(not_used(&first.found));
        }
        match self.winners.entry(first.manifest().id.clone()) {
            Entry::Occupied(winner) => {
                let (winner, _) = &winner.get()[0];
                self.diagnostics.push(collision(&winner.found, &first.found));
            }
            Entry::Vacant(place) => drop(place.insert(seen.plugins)),
        }
    }
}

/// Reads the manifest of a plugin folder. Warnings come with it, errors instead of it.
fn read(
    folder: Result<Folder, Unreadable>,
    place: &Place,
) -> Result<(Found, Visit, Vec<Diagnostic>), Vec<Diagnostic>> {
    let manifest_path = place.path.join(manifest::FILE_NAME);
    let refused = |finding: Diagnostic| vec![finding.at(&manifest_path)];
    let (visit, bytes) = folder
        .and_then(|folder| {
            let mut manifest = folder.file(&RelativePath::manifest())?;
            let bytes = manifest.read(manifest::MAX_BYTES as u64)?;
            Ok((Visit { folder, manifest }, bytes))
        })
        .map_err(|problem| refused(unreadable(&place.path, &problem)))?;
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
                origin: place.root.origin,
                root: place.root.path.clone(),
                folder: place.path.clone(),
                manifest,
                manifest_path,
                manifest_digest,
                provenance: place.provenance.clone(),
            };
            Ok((found, visit, parsed.diagnostics))
        }
        None => Err(parsed.diagnostics),
    }
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

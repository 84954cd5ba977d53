//! Finds plugins by their manifests, in the folders the operator named. Touches no code.
//!
//! A root holds plugin folders, each with a `plugin.toml`; a root that has a `plugin.toml` itself is
//! one plugin folder, which is how a folder under development is linked in. Roots come in order of
//! precedence: a plugin in an earlier origin hides one of the same id in a later origin, visibly;
//! within one origin the second of two is refused. One bad folder never stops the others.
//!
//! A root may have a [lock](crate::trust::lock): the releases it names lie in folders of a name that
//! no other plugin folder has, and what it links is looked at as if it lay in the root.

mod candidate;
mod findings;
mod roots;
mod search;

pub use candidate::{Candidate, Provenance};

use crate::{
    diagnostic::Diagnostic,
    folder::{Folder, Opened, Ways},
    processors::on_all_processors,
};
use roots::{Place, Sight};
use search::{Search, Seen};
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
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

//! Finding packages in catalogues.

use super::{Catalogue, Entry};
use crate::{diagnostic::Diagnostic, folder::shell_word, manifest::Platform, nearest::nearest};
use semver::{Prerelease, Version, VersionReq};
use std::{cmp::Reverse, path::Path};

/// A package, and the catalogue it is in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'a> {
    /// The catalogue.
    pub catalogue: &'a Catalogue,
    /// The package.
    pub entry: &'a Entry,
}

/// Every package whose id or description has this word in it: by id, the newest first. Prereleases
/// count only if they are asked for.
pub fn search<'a>(catalogues: &'a [Catalogue], word: &str, prereleases: bool) -> Vec<Found<'a>> {
    let word = word.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&word);
    let mut found: Vec<Found<'_>> = all(catalogues)
        .filter(|found| is_wanted(found.entry.version.as_ref(), None, prereleases))
        .filter(|found| has(&found.entry.id) || found.entry.description.as_deref().is_some_and(has))
        .collect();
    found.sort_by_key(|found| (&found.entry.id, Reverse(age(found.entry))));
    found
}

/// The newest package of this id that fits: of these versions, if any will not do, and for this
/// platform. Prereleases count only if they are asked for. Of equals, that of the first catalogue.
pub fn choose<'a>(
    catalogues: &'a [Catalogue],
    id: &str,
    versions: Option<&VersionReq>,
    platform: Option<Platform>,
    prereleases: bool,
) -> Result<Found<'a>, Diagnostic> {
    let named: Vec<Found<'_>> = all(catalogues).filter(|found| found.entry.id == id).collect();
    if named.is_empty() {
        return Err(unknown(catalogues, id));
    }
    let of_version =
        |found: &&Found<'_>| is_wanted(found.entry.version.as_ref(), versions, prereleases);
    let wanted: Vec<Found<'_>> = named.iter().filter(of_version).copied().collect();
    if wanted.is_empty() {
        let there: Vec<String> = named.iter().filter_map(|found| version(found.entry)).collect();
        let message =
            format!("the catalogues have no such version of `{id}`; they have {}", list(&there));
        let is_there = |found: &Found<'_>| is_wanted(found.entry.version.as_ref(), versions, true);
        let hint = match named.iter().any(is_there) {
            true => format!("loader plugins install {} --prerelease", spelt(id, versions)),
            false => format!("name one of these: loader plugins install {id}@=VERSION"),
        };
        return Err(Diagnostic::error("LDR-CATALOGUE-VERSION", message).about(id).hint(hint));
    }
    let runs_here = |found: &&Found<'_>| {
        let platforms = &found.entry.platforms;
        platforms.is_empty() || platform.is_some_and(|platform| platforms.contains(&platform))
    };
    let fitting = wanted.iter().filter(runs_here).copied();
    // The last of equals would be taken, and the first is to be.
    let newest = fitting.rev().max_by_key(|found| age(found.entry));
    newest.ok_or_else(|| {
        let there = wanted.iter().flat_map(|found| &found.entry.platforms);
        let mut there: Vec<String> = there.map(ToString::to_string).collect();
        there.sort();
        there.dedup();
        let here = platform.map_or("this system".to_owned(), |platform| platform.to_string());
        let message = format!("the catalogues have `{id}` for {}, not for {here}", list(&there));
        let hint = "ask its publisher for a build, or build it yourself";
        Diagnostic::error("LDR-CATALOGUE-PLATFORM", message).about(id).hint(hint)
    })
}

fn all(catalogues: &[Catalogue]) -> impl DoubleEndedIterator<Item = Found<'_>> {
    catalogues
        .iter()
        .flat_map(|catalogue| catalogue.entries.iter().map(move |entry| Found { catalogue, entry }))
}

fn age(entry: &Entry) -> (Option<&Version>, Option<u64>) {
    (entry.version.as_ref(), entry.serial)
}

fn is_wanted(version: Option<&Version>, wanted: Option<&VersionReq>, prereleases: bool) -> bool {
    match (version, wanted) {
        (_, None) => prereleases || version.is_none_or(|version| version.pre.is_empty()),
        (None, Some(_)) => false,
        (Some(version), Some(wanted)) => {
            let final_one = Version { pre: Prerelease::EMPTY, ..version.clone() };
            wanted.matches(version) || (prereleases && wanted.matches(&final_one))
        }
    }
}

/// The id and versions as a command takes them.
fn spelt(id: &str, versions: Option<&VersionReq>) -> String {
    match versions {
        None => id.to_owned(),
        Some(versions) => shell_word(Path::new(&format!("{id}@{versions}"))),
    }
}

fn version(entry: &Entry) -> Option<String> {
    entry.version.as_ref().map(ToString::to_string)
}

fn unknown(catalogues: &[Catalogue], id: &str) -> Diagnostic {
    if catalogues.is_empty() {
        let message = format!("there is no catalogue to look `{id}` up in");
        return Diagnostic::error("LDR-CATALOGUE-UNKNOWN", message).about(id).hint(
            "name one in `plugins.catalogues`; or name the file, `./FILE`, or the address of the package",
        );
    }
    let hint = match nearest(id, all(catalogues).map(|found| found.entry.id.as_str())) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "see what there is: loader plugins search".to_owned(),
    };
    let message = format!("no catalogue has `{id}`");
    Diagnostic::error("LDR-CATALOGUE-UNKNOWN", message).about(id).hint(hint)
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

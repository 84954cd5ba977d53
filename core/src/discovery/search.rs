//! What lies in one place, and which plugins win over others.

use super::{
    Candidate, Searched, TakesPart, Visit,
    candidate::Found,
    findings::{collision, not_used, unreadable},
    roots::Place,
};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    folder::{Folder, Identity, Unreadable, Ways},
    manifest::{self, Manifest, RelativePath},
};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

/// What was found in one place.
pub(super) struct Seen<Look> {
    /// Which folder it is, whatever its path.
    identity: Option<Identity>,
    /// Its plugins, which share a manifest; none when the diagnostics say why.
    pub(super) plugins: Vec<(Candidate, Look)>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<Look> Seen<Look> {
    pub(super) fn nothing(identity: Option<Identity>, diagnostics: Vec<Diagnostic>) -> Self {
        Self { identity, plugins: Vec::new(), diagnostics }
    }

    pub(super) fn look_at(
        place: &Place,
        ways: &Ways,
        look: &impl Fn(&Candidate, &Visit) -> Look,
    ) -> Self {
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

/// Who wins, of what was seen.
pub(super) struct Search<'a, Look> {
    takes_part: TakesPart<'a>,
    /// The plugins that won each id of a manifest: a pack wins or loses as a whole.
    pub(super) winners: BTreeMap<String, Vec<(Candidate, Look)>>,
    /// Folders that were looked at; two roots may lead to the same one.
    known: BTreeSet<Identity>,
    pub(super) searched: Vec<Searched>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'a, Look> Search<'a, Look> {
    pub(super) fn new(takes_part: TakesPart<'a>) -> Self {
        let (winners, known) = (BTreeMap::new(), BTreeSet::new());
        Self { takes_part, winners, known, searched: Vec::new(), diagnostics: Vec::new() }
    }

    /// Takes what was seen in a root, by its number.
    pub(super) fn take(&mut self, number: usize, seen: Seen<Look>) {
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

//! Where a package comes from: a folder, an archive, a server, or an entry of a catalogue that leads
//! to one of these.

use std::fs::File;
use std::path::{Path, PathBuf};

use loader_core::diagnostic::Diagnostic;
use loader_core::digest::Digest;
use loader_core::manifest::Platform;
use loader_core::package::{
    self, Address, Catalogue, CatalogueSource, Fetcher, Files, Limits, Source,
    catalogue::{Entry, Location, choose},
};
use tokio::runtime::Runtime;

use crate::context::{Context, HOST};
use crate::finding::Finding;
use crate::output::{Output, Progress, Refusal};

/// Where a package comes from.
pub(super) struct Origin {
    /// As it is remembered: what `plugins update` looks at again.
    pub(super) name: String,
    place: Place,
    /// What a catalogue says about it.
    entry: Option<Entry>,
}

enum Place {
    Folder(PathBuf),
    Archive(PathBuf),
    Web(Address),
}

/// What it takes to find and fetch packages.
pub(in crate::commands) struct Search<'a> {
    catalogues: Vec<String>,
    /// Whether what is not final may be chosen.
    prereleases: bool,
    output: &'a Output,
    runtime: Runtime,
    fetcher: Fetcher,
}

impl<'a> Search<'a> {
    /// Prepares to fetch; nothing is asked of anybody yet.
    pub(in crate::commands) fn new(
        context: &Context,
        output: &'a Output,
        prereleases: bool,
    ) -> Result<Self, Refusal> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Finding::error("LDR-FETCH-SETUP", format!("nothing can be fetched: {error}"))
                .hint("see that this user may open more files: ulimit -n")
        })?;
        let catalogues = context.resolved.config.plugins.catalogues.clone();
        let fetcher = Fetcher::new(HOST, None).map_err(Finding::from)?;
        Ok(Self { catalogues, prereleases, output, runtime, fetcher })
    }

    /// Finds what a person named.
    pub(super) fn find(&self, text: &str) -> Result<Origin, Vec<Diagnostic>> {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        match Source::parse(text).map_err(|refusal| vec![refusal])? {
            Source::Folder(path) => Ok(Origin::of(Place::Folder(absolute(path)))),
            Source::Archive(path) => Ok(Origin::of(Place::Archive(absolute(path)))),
            Source::Web(address) => Ok(Origin::of(Place::Web(address))),
            Source::Catalogue { id, version } => {
                let (catalogues, findings) = self.catalogues();
                // A catalogue that does not answer could have had a better one.
                if findings.iter().any(Diagnostic::is_error) {
                    return Err(findings);
                }
                let (version, here) = (version.as_ref(), Platform::current());
                let found = choose(&catalogues, &id, version, here, self.prereleases);
                let found = found.and_then(|found| in_catalogue(text, found.entry));
                found.map_err(|refusal| vec![refusal])
            }
        }
    }

    /// The catalogues that could be read, and what there is to say about them all.
    pub(in crate::commands) fn catalogues(&self) -> (Vec<Catalogue>, Vec<Diagnostic>) {
        let mut findings = Vec::new();
        let mut catalogues = Vec::new();
        for text in &self.catalogues {
            match CatalogueSource::parse(text) {
                Ok(source) => {
                    let parsed = self.runtime.block_on(Catalogue::load(source, &self.fetcher));
                    catalogues.extend(parsed.catalogue);
                    findings.extend(parsed.diagnostics);
                }
                Err(refusal) => findings.push(refusal),
            }
        }
        (catalogues, findings)
    }

    /// Puts the files of a package into `package`, a folder that is made. `meanwhile` is a folder for
    /// what is fetched.
    pub(super) fn unpack(
        &self,
        origin: &Origin,
        meanwhile: &Path,
        package: &Path,
    ) -> Result<Files, Diagnostic> {
        let extracted = match &origin.place {
            Place::Folder(folder) => package::copy_folder(folder, package)?,
            Place::Archive(archive) => {
                if let Some(entry) = &origin.entry
                    && let Ok(digest) = File::open(archive).and_then(Digest::of_reader)
                {
                    entry.check(digest)?;
                }
                package::unpack(archive, package)?
            }
            Place::Web(address) => {
                let mut progress = Progress::new(self.output, &origin.name);
                let fetched = self.runtime.block_on(self.fetcher.file(
                    address,
                    meanwhile,
                    Limits::default(),
                    &mut |bytes, total| progress.show(bytes, total),
                ))?;
                origin.entry.iter().try_for_each(|entry| entry.check(fetched.digest))?;
                package::unpack(&fetched.path, package)?
            }
        };
        Ok(extracted.files)
    }
}

impl Origin {
    /// The folder it is copied from, if it is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder),
            Place::Archive(_) | Place::Web(_) => None,
        }
    }

    fn of(place: Place) -> Self {
        let name = match &place {
            Place::Folder(path) | Place::Archive(path) => path.display().to_string(),
            Place::Web(address) => address.to_string(),
        };
        Self { name, place, entry: None }
    }
}

/// What an entry of a catalogue leads to. Remembered by its id, so that the catalogue is asked again.
fn in_catalogue(text: &str, entry: &Entry) -> Result<Origin, Diagnostic> {
    let place = match &entry.location {
        Some(Location::Web(address)) => Place::Web(address.clone()),
        Some(Location::Path(path)) if path.is_dir() => Place::Folder(path.clone()),
        Some(Location::Path(path)) => Place::Archive(path.clone()),
        None => {
            let message =
                format!("the catalogue describes `{}` and does not say where it is", entry.id);
            return Err(Diagnostic::error("LDR-CATALOGUE-NOWHERE", message)
                .about(&entry.id)
                .hint("get it from its publisher, and name the file or the address"));
        }
    };
    let id = text.split('@').next().unwrap_or(text);
    Ok(Origin { name: id.to_owned(), place, entry: Some(entry.clone()) })
}

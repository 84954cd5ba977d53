//! Follows the files: what changes on disk and is at rest is loaded, replaced or let go.
//!
//! The watch says where something changed; what that means is found out by looking at the roots anew.
//! Files that vanish take nothing down: what is loaded serves until its release is removed from the
//! lock or it is switched off.

use super::{Engine, Inner, survey};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::{Candidate, Visit},
    folder::Unreadable,
    manifest::{Content, Platform},
    reload::Cause,
    trust::lock,
    watch::{self, Targets, Watch},
};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tracing::{error, info, warn};

/// What a plugin's files were when they were last acted on: its manifest and its library.
type Seen = (Digest, Option<Digest>);

impl Engine {
    /// Follows the files from now on, until the engine is gone: replaces plugins whose files changed,
    /// loads new ones, and stops those whose release was removed.
    pub fn follow(&self) -> Result<(), Diagnostic> {
        let options = self.0.options();
        let found = survey::find_and_look(&options, seen_of).plugins;
        let watch = Watch::start(targets(&self.0, &found), watch::Options::default())?;
        let seen = found.iter().filter_map(|(one, seen)| Some((one.id().to_owned(), (*seen)?)));
        let seen = seen.collect();
        let weak = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut follower = Follower { watch, seen, told: None };
            loop {
                let changed = follower.watch.changed().await;
                let Some(inner) = weak.upgrade() else { break };
                follower.step(&Engine(inner), changed).await;
            }
            // Its drop waits for a thread.
            let _ = tokio::task::spawn_blocking(move || drop(follower)).await;
        });
        Ok(())
    }
}

struct Follower {
    watch: Watch,
    /// By plugin.
    seen: HashMap<String, Seen>,
    /// The trouble of the watch that was told of.
    told: Option<&'static str>,
}

impl Follower {
    async fn step(&mut self, engine: &Engine, changed: BTreeSet<PathBuf>) {
        self.tell_trouble();
        let inner = engine.0.clone();
        let look = move || {
            let found = survey::find_and_look(&inner.options(), |candidate, visit| {
                Some((real(candidate.folder()), seen_of(candidate, visit)?))
            });
            (targets(&inner, &found.plugins), found.plugins)
        };
        let Ok((targets, found)) = tokio::task::spawn_blocking(look).await else { return };
        self.watch.retarget(targets);
        let lock_changed = changed.iter().any(|path| path.ends_with(lock::FILE_NAME));
        for (candidate, seen) in &found {
            let id = candidate.id();
            let Some((folder, seen)) = seen else { continue };
            let is_settled = lock_changed || changed.contains(folder);
            if !is_settled || self.seen.get(id) == Some(seen) {
                continue;
            }
            self.seen.insert(id.to_owned(), *seen);
            engine.take_up(candidate, *seen).await;
        }
        if lock_changed {
            engine.let_go_of_removed(&found).await;
        }
    }

    /// Says once that changes are noticed late, and once that they are not any more.
    fn tell_trouble(&mut self) {
        let trouble = self.watch.trouble();
        let code = trouble.as_ref().map(|trouble| trouble.code);
        if code != self.told {
            match trouble {
                Some(trouble) => warn!(code = trouble.code, hint = trouble.hint, "{trouble}"),
                None => info!("changes of plugin files are noticed at once again"),
            }
            self.told = code;
        }
    }
}

impl Engine {
    /// Loads or replaces a plugin whose files are at rest and are not what they were.
    async fn take_up(&self, candidate: &Candidate, seen: Seen) {
        let id = candidate.id();
        if !self.0.options().enablement.decide(candidate).enabled {
            return;
        }
        let running = {
            let loaded = self.0.loaded();
            let loaded = loaded.iter().find(|one| one.id == id);
            loaded.map(|one| {
                let digest = one.running.vetted.digest();
                (one.running.candidate().manifest_digest(), Some(digest))
            })
        };
        match running {
            Some(running) if running == seen => {}
            Some(_) => {
                // It may have been stopped meanwhile.
                let _ = self.reload(id, Cause::Files);
            }
            None => {
                let findings = self.load(candidate).await;
                if let Some(finding) = findings.iter().find(|finding| finding.is_error()) {
                    error!(plugin = id, code = finding.code, "a new plugin is not served");
                }
            }
        }
    }

    /// Stops installed plugins that the lock does not name any more.
    async fn let_go_of_removed<Look>(&self, found: &[(Candidate, Look)]) {
        let removed: Vec<String> = {
            let loaded = self.0.loaded();
            let installed =
                loaded.iter().filter(|one| one.running.candidate().installed().is_some());
            let is_there = |id: &str| found.iter().any(|(one, _)| one.id() == id);
            installed.map(|one| one.id.clone()).filter(|id| !is_there(id)).collect()
        };
        for id in removed {
            info!(plugin = id, "its release was removed; it is stopped");
            self.unload(&id, self.0.options().reload.drain).await;
        }
    }
}

/// What there is to watch: the roots, the folders of what was found and of what is loaded.
fn targets<Look>(inner: &Inner, found: &[(Candidate, Look)]) -> Targets {
    let options = inner.options();
    let mut targets = Targets::default();
    for root in &options.roots {
        let path = real(&root.path);
        targets.files.insert(path.join(lock::FILE_NAME));
        targets.roots.insert(path);
    }
    let loaded: Vec<Candidate> =
        inner.loaded().iter().map(|one| one.running.candidate().clone()).collect();
    for candidate in found.iter().map(|(candidate, _)| candidate).chain(&loaded) {
        let files = targets.folders.entry(real(candidate.folder())).or_default();
        files.extend(files_of(candidate));
    }
    targets
}

/// The files of a plugin that count besides its manifest, by their paths in its folder.
fn files_of(candidate: &Candidate) -> BTreeSet<PathBuf> {
    let spec = candidate.spec();
    let mut files = BTreeSet::new();
    match &spec.content {
        Content::Library(library) => {
            let file = Platform::current().and_then(|platform| library.file_for(platform));
            files.extend(file.map(|file| PathBuf::from(file.as_str())));
        }
        Content::Bundle(bundle) => {
            files.extend(bundle.skills.iter().map(|file| PathBuf::from(file.as_str())));
        }
    }
    files.extend(spec.config.schema.iter().map(|file| PathBuf::from(file.as_str())));
    files
}

/// What a plugin's files are now; nothing while its library is not there.
fn seen_of(candidate: &Candidate, visit: &Visit) -> Option<Seen> {
    let manifest = candidate.manifest_digest();
    let Content::Library(library) = &candidate.spec().content else {
        return Some((manifest, None));
    };
    let file = library.file_for(Platform::current()?)?;
    match visit.folder.file(file) {
        Ok(library) => Some((manifest, Some(Digest::of_reader(library.file).ok()?))),
        Err(Unreadable::Missing) => None,
        // What is there instead of a file is told when it is examined.
        Err(_) => Some((manifest, None)),
    }
}

/// The folder without symbolic links; as it is while it does not exist.
fn real(folder: &Path) -> PathBuf {
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}

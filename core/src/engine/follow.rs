//! Follows the files: what changes on disk and is at rest is loaded, replaced or let go.
//!
//! The watch says where something changed; what that means is found out by looking at the roots anew.
//! Files that vanish take nothing down: what is loaded serves until its release is removed from the
//! lock or it is switched off.
//!
//! What takes its time is begun and not waited for: one plugin's beginning and end hold up no other
//! one's, and its own changes wait for their turns.

use super::{Engine, Inner, survey};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::{Candidate, Visit},
    folder::Unreadable,
    manifest::{Content, Platform, RelativePath},
    registry::Status,
    reload::Cause,
    trust::lock::{self, Lock},
    watch::{self, Targets, Watch},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tracing::{error, info, warn};

/// What a plugin's files were when they were last acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    manifest: Digest,
    library: Option<Digest>,
    /// Its schema and its skills.
    others: Digest,
}

impl Engine {
    /// Follows the files from now on, until the engine stops: replaces plugins whose files changed,
    /// loads new ones, and stops those whose release was removed.
    pub fn follow(&self) -> Result<(), Diagnostic> {
        let options = self.0.options();
        // Of one that is dormant nothing is open that could differ from its library: it is not read, which is
        // what makes many of them cheap.
        let is_open = |candidate: &Candidate| self.0.dormant(candidate.id()).is_none();
        let look = |one: &Candidate, visit: &Visit| seen_of(one, visit, is_open(one));
        let found = survey::find_and_look(&options, look).plugins;
        let watch = Watch::start(targets(&self.0, &found), watch::Options::default())?;
        let seen = found.iter().filter_map(|(one, seen)| Some((one.id().to_owned(), (*seen)?)));
        let seen = seen.collect();
        let (weak, stopping) = (Arc::downgrade(&self.0), self.0.stopping.clone());
        tokio::spawn(async move {
            let mut follower = Follower { watch, seen, told: None };
            while let Some(changed) = stopping.run_until_cancelled(follower.watch.changed()).await {
                let Some(inner) = weak.upgrade() else { break };
                if inner.tasks.is_closed() {
                    break;
                }
                // Whoever stops the engine waits for this.
                let _step = inner.tasks.token();
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
        let lock_changed = changed.iter().any(|path| path.ends_with(lock::FILE_NAME));
        let look = move || {
            // What did not change is not read, and what may still be written must not be.
            let found = survey::find_and_look(&inner.options(), |candidate, visit| {
                let is_settled = lock_changed || changed.contains(&real(candidate.folder()));
                is_settled.then(|| seen_of(candidate, visit, true)).flatten()
            });
            let candidates = found.plugins.iter().map(|(one, _)| one);
            let is_settled = |path: &Path| changed.contains(&real(path));
            let removed = removed(&inner, candidates, lock_changed, is_settled);
            (targets(&inner, &found.plugins), found.plugins, removed)
        };
        let (targets, found, removed) = match tokio::task::spawn_blocking(look).await {
            Ok(looked) => looked,
            Err(ended) => {
                let finding = Diagnostic::panicked("the look at files that changed", ended);
                return error!(code = finding.code, "{finding}");
            }
        };
        self.watch.retarget(targets);
        // What comes back is new, even if it is what it was.
        self.seen.retain(|id, _| found.iter().any(|(one, _)| one.id() == id));
        for id in removed {
            let done_by = engine.clone();
            engine.0.tasks.spawn(async move { done_by.let_go_of(&id).await });
        }
        for (candidate, seen) in found {
            let Some(seen) = seen else { continue };
            let before = self.seen.insert(candidate.id().to_owned(), seen);
            if before != Some(seen) {
                let done_by = engine.clone();
                let work = async move { done_by.take_up(&candidate, before, seen).await };
                engine.0.tasks.spawn(work);
            }
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
    async fn take_up(&self, candidate: &Candidate, before: Option<Seen>, seen: Seen) {
        let id = candidate.id();
        if !self.0.options().enablement.decide(candidate).enabled {
            return;
        }
        if let Some(findings) = self.receive(candidate).await {
            if let Some(finding) = findings.iter().find(|finding| finding.is_error()) {
                error!(plugin = id, code = finding.code, "a new plugin is not served");
            }
            return;
        }
        let is_same_code = self.0.loaded().iter().any(|one| {
            let (manifest, library) =
                (one.running.candidate().manifest_digest(), one.running.vetted.digest());
            one.id == id && (manifest, Some(library)) == (seen.manifest, seen.library)
        });
        // Its code is as it was, and its configuration may be wrong or right now.
        let is_reshaped = before.is_some_and(|before| before.others != seen.others);
        // It may have been stopped meanwhile.
        let _ = match is_same_code {
            false => self.reload(id, Cause::Files),
            true if is_reshaped => self.reload(id, Cause::Configuration),
            true => return,
        };
    }

    /// Stops a plugin whose release was removed, if it still is when its turn has come.
    async fn let_go_of(&self, id: &str) {
        let turn = self.0.turn(id);
        let _turn = turn.take().await;
        let inner = self.0.clone();
        let look = move || {
            let found = survey::find(&inner.options()).candidates;
            removed(&inner, &found, true, |_| true)
        };
        let looked = tokio::task::spawn_blocking(look).await;
        if !looked.is_ok_and(|removed| removed.iter().any(|one| one == id)) {
            return;
        }
        info!(plugin = id, "its release was removed; it is stopped");
        let keeper = self.0.withdraw(id);
        self.0.registry.publish(|snapshot| {
            snapshot.update(id, |record| {
                record.status = Status::Stopped;
                record.skills = Vec::new();
            });
        });
        if let Some(keeper) = keeper {
            self.0.retire(id, keeper, self.0.options().reload.drain).await;
        }
    }
}

/// The plugins in use whose releases the locks do not name any more, if those are at rest, and the dormant
/// ones whose files are gone for good. A lock that cannot be read takes nothing down.
fn removed<'a>(
    inner: &Inner,
    found: impl IntoIterator<Item = &'a Candidate>,
    with_locks: bool,
    is_settled: impl Fn(&Path) -> bool,
) -> Vec<String> {
    let found: BTreeSet<&str> = found.into_iter().map(Candidate::id).collect();
    let mut locks: BTreeMap<PathBuf, Option<Lock>> = BTreeMap::new();
    let mut is_removed = |folder: &Path| {
        let (Some(root), Some(name)) = (folder.parent(), folder.file_name()) else { return false };
        let name = name.to_string_lossy();
        // A pack has plugins of other ids than its release.
        let Some((release, _)) = name.split_once('@') else { return false };
        let lock = locks.entry(root.to_owned());
        let lock = lock.or_insert_with(|| Lock::read(root).ok().flatten());
        lock.as_ref().is_some_and(|lock| lock.current(release).is_none())
    };
    let snapshot = inner.registry.snapshot();
    let missing = snapshot.plugins().filter(|record| !found.contains(record.id.as_str()));
    let removed = missing.filter(|record| match record.status {
        // Nothing of it is open that could go on serving.
        Status::Dormant => {
            let is_there = || record.candidate.manifest_path().try_exists();
            let is_gone = is_settled(&record.folder) && is_there().is_ok_and(|is_there| !is_there);
            is_gone || with_locks && is_removed(&record.folder)
        }
        Status::Served | Status::Ready | Status::Failed => with_locks && is_removed(&record.folder),
        Status::Disabled | Status::Stopped => false,
    });
    removed.map(|record| record.id.clone()).collect()
}

/// What there is to watch: the roots, the folders of what was found, and of what is loaded or dormant.
fn targets<Look>(inner: &Inner, found: &[(Candidate, Look)]) -> Targets {
    let options = inner.options();
    let mut targets = Targets::default();
    for root in &options.roots {
        let path = real(&root.path);
        targets.files.insert(path.join(lock::FILE_NAME));
        targets.roots.insert(path);
    }
    let snapshot = inner.registry.snapshot();
    let used = snapshot.plugins().filter(|record| record.served.is_some());
    let used = used.map(|record| &record.candidate);
    for candidate in found.iter().map(|(candidate, _)| candidate).chain(used) {
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

/// What a plugin's files are now; nothing while its library is not there. Without its library, what the others
/// are.
fn seen_of(candidate: &Candidate, visit: &Visit, with_library: bool) -> Option<Seen> {
    let spec = candidate.spec();
    let (library, skills): (_, &[RelativePath]) = match &spec.content {
        Content::Library(library) => {
            let library = visit.folder.file(library.file_for(Platform::current()?)?);
            match library {
                Ok(_) if !with_library => (None, &[]),
                Ok(library) => (Some(Digest::of_reader(library.file).ok()?), &[]),
                Err(Unreadable::Missing) => return None,
                // What is there instead of a file is told when it is examined.
                Err(_) => (None, &[]),
            }
        }
        Content::Bundle(bundle) => (None, &bundle.skills),
    };
    let mut others = String::new();
    for file in skills.iter().chain(&spec.config.schema) {
        let opened = visit.folder.file(file).ok();
        let digest = opened.and_then(|opened| Digest::of_reader(opened.file).ok());
        let digest = digest.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
        others.push_str(&format!("{digest}  {file}\n"));
    }
    let others = Digest::of(others.as_bytes());
    Some(Seen { manifest: candidate.manifest_digest(), library, others })
}

/// The folder without symbolic links, whether it exists or not.
fn real(folder: &Path) -> PathBuf {
    let missing = || {
        let (parent, name) = (folder.parent()?, folder.file_name()?);
        Some(fs::canonicalize(parent).ok()?.join(name))
    };
    fs::canonicalize(folder).ok().or_else(missing).unwrap_or_else(|| folder.to_owned())
}

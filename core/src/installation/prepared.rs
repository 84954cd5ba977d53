//! A release that was unpacked and examined, and counts as soon as it is committed.

use super::{
    Installer, Outcome, Terms,
    description::{manifest_of, package_root, release_of},
    examination::{elsewhere, examine, examine_kept},
    hold::{Draft, Hold, unusable},
    now, one, sync_folders,
};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    durable,
    folder::shell_word,
    manifest::RelativePath,
    trust::{
        Mark,
        lock::{Action, Installed, Lock},
    },
    vetting::Passed,
};
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// A release that was unpacked and examined, and counts as soon as it is [committed](Self::commit).
/// Its files go when it is dropped.
pub struct Prepared<'a> {
    installer: &'a Installer<'a>,
    release: Installed,
    /// The folder of its files, within the draft.
    folder: PathBuf,
    lock: Lock,
    warnings: Vec<Diagnostic>,
    // Dropped in this order: the draft goes while the folder is still held.
    draft: Draft,
    _hold: Hold,
}

impl Installer<'_> {
    /// Unpacks a release and examines it. `unpack` is given a private folder for whatever it needs
    /// meanwhile and, in it, the name of the folder it makes and fills; it syncs the files and answers
    /// what it wrote. `source` is what [`Installed::source`] will say.
    pub fn prepare(
        &self,
        source: &str,
        unpack: impl FnOnce(&Path, &Path) -> Result<BTreeMap<RelativePath, Digest>, Diagnostic>,
    ) -> Result<Prepared<'_>, Vec<Diagnostic>> {
        let hold = Hold::take(self.root).map_err(one)?;
        let lock = self.lock().map_err(one)?;
        let draft = hold.draft().map_err(one)?;
        let unpacked = draft.path().join("package");
        let files = unpack(draft.path(), &unpacked).map_err(one)?;
        let (folder, files) = package_root(&unpacked, files);
        let manifest = manifest_of(&folder)?;
        let mut release = release_of(manifest, files, source, lock.change + 1);
        let named = |findings: Vec<Diagnostic>| {
            findings.into_iter().map(|finding| elsewhere(finding, &folder, &release)).collect()
        };
        let (vetted, warnings) = examine(self, &folder, &release, self.trial).map_err(named)?;
        let warnings: Vec<Diagnostic> = named(warnings);
        if let Some(released) = vetted.first().and_then(Passed::released) {
            release.serial = Some(released.serial);
            release.publisher = released.signed_by.as_ref().map(|signed| signed.publisher.clone());
        }
        Ok(Prepared { installer: self, release, folder, lock, warnings, draft, _hold: hold })
    }
}

impl Prepared<'_> {
    /// The release.
    pub fn release(&self) -> &Installed {
        &self.release
    }

    /// The release that is in use.
    pub fn before(&self) -> Option<&Installed> {
        self.lock.current(&self.release.id)
    }

    /// What is worth mending although it may be installed.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Whether committing would change anything.
    pub fn is_news(&self) -> bool {
        self.before().is_none_or(|before| before.folder != self.release.folder)
    }

    /// Why the terms do not cover the release.
    pub fn objections(&self, terms: Terms) -> Vec<Diagnostic> {
        let mut objections = Vec::new();
        if !terms.allow_downgrade {
            objections.extend(self.step_back());
        }
        if !terms.accept {
            objections.extend(self.widening());
        }
        objections
    }

    fn step_back(&self) -> Option<Diagnostic> {
        let id = &self.release.id;
        let mark = match self.installer.records.mark(id) {
            Ok(mark) => mark?,
            Err(damage) => return Some(damage),
        };
        let reason = mark.forbids(&Mark::of(&self.release))?;
        let message = format!("this release {reason}");
        let source = Path::new(&self.release.source);
        let hint = format!(
            "if it is meant: loader plugins install --allow-downgrade {}",
            shell_word(source)
        );
        Some(Diagnostic::error("LDR-INSTALL-DOWNGRADE", message).at(source).about(id).hint(hint))
    }

    fn widening(&self) -> Option<Diagnostic> {
        let agreed = &self.before()?.agreed;
        let wider = self.release.agreed.beyond(agreed);
        if wider.is_empty() {
            return None;
        }
        let id = &self.release.id;
        let message = format!(
            "{} {} would do more than was agreed to:\n{}",
            id,
            self.release.version,
            wider.lines().join("\n")
        );
        let source = Path::new(&self.release.source);
        let hint = format!("if you agree: loader plugins install --accept {}", shell_word(source));
        Some(Diagnostic::error("LDR-INSTALL-WIDER", message).at(source).about(id).hint(hint))
    }

    /// Makes the release the one in use.
    pub fn commit(mut self, terms: Terms) -> Result<Outcome, Vec<Diagnostic>> {
        let objections = self.objections(terms);
        if !objections.is_empty() {
            return Err(objections);
        }
        let before = self.before().cloned();
        if let Some(before) = before.as_ref().filter(|one| one.folder == self.release.folder) {
            // The lock has nothing to learn; its files may have to be put back.
            let is_whole = examine_kept(self.installer, before).is_ok();
            if !is_whole {
                self.put_in_place().map_err(one)?;
            }
            self.installer.raise_mark(before).map_err(one)?;
            return Ok(Outcome {
                release: before.clone(),
                before: Some(before.clone()),
                changed: !is_whole,
                warnings: std::mem::take(&mut self.warnings),
            });
        }
        self.put_in_place().map_err(one)?;
        let surplus = self.enter(before.as_ref());
        self.installer.lower_mark(&self.release).map_err(one)?;
        self.installer.put_in_force(&self.lock).map_err(one)?;
        self.installer.raise_mark(&self.release).map_err(one)?;
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.extend(surplus.iter().filter_map(|release| self.installer.discard(release)));
        Ok(Outcome { release: self.release, before, changed: true, warnings })
    }

    /// Gives the files their own name. A folder of that name has the same files, or had them once:
    /// whatever is in it now gives way.
    fn put_in_place(&self) -> Result<(), Diagnostic> {
        let root = self.installer.root;
        let unusable = |error| unusable(root, &error);
        let place = root.join(&self.release.folder);
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o755)).map_err(unusable)?;
        sync_folders(&self.folder, self.release.files.keys().cloned()).map_err(unusable)?;
        let renamed = match place.symlink_metadata() {
            Ok(_) => self.exchange(&place),
            Err(_) => fs::rename(&self.folder, &place),
        };
        renamed.map_err(unusable)?;
        durable::sync_folder(root).map_err(unusable)
    }

    /// Puts the files in the place of a folder, which goes with the draft.
    fn exchange(&self, place: &Path) -> io::Result<()> {
        match renameat_with(CWD, &self.folder, CWD, place, RenameFlags::EXCHANGE) {
            // A kernel or a file system that cannot: for a moment there is nothing, which counts no
            // more than what is damaged.
            Err(Errno::NOSYS | Errno::INVAL) => {
                fs::rename(place, self.draft.path().join("damaged"))?;
                fs::rename(&self.folder, place)
            }
            exchanged => Ok(exchanged?),
        }
    }

    /// Enters the release into the lock, and returns what the lock forgets.
    fn enter(&mut self, before: Option<&Installed>) -> Vec<Installed> {
        let release = &self.release;
        self.lock.installed.retain(|one| one.folder != release.folder);
        for one in self.lock.installed.iter_mut().filter(|one| one.id == release.id) {
            one.current = false;
        }
        self.lock.installed.push(release.clone());
        let action = if before.is_some() { Action::Update } else { Action::Install };
        let from = before.map(|before| before.folder.clone());
        let to = Some(release.folder.clone());
        self.lock.record(action, &release.id, from, to, now());
        Installer::forget_surplus(&mut self.lock, &release.id)
    }
}

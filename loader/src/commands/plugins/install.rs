//! `loader plugins install`: puts a release in place, or what the lock names and is not there.

use loader_core::diagnostic::Diagnostic;
use loader_core::installation::{Outcome, Terms};
use loader_core::trust::lock::Installed;
use serde_json::{Value, json};

use super::origin::{Origin, Search};
use super::site::{Site, UNTRIED, findings, refusal};
use crate::args::Install;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Output};

/// Installs a release.
pub(in crate::commands) fn install(
    context: &Context,
    wanted: &Install,
    output: &Output,
) -> CommandResult {
    let site = Site::of(context)?;
    let search = Search::new(context, output, wanted.prerelease)?;
    let terms =
        Terms { accept: wanted.accept || site.accepts, allow_downgrade: wanted.allow_downgrade };
    let job = Job { site: &site, search: &search, terms, dry_run: wanted.dry_run };
    let mut done = Vec::new();
    match (&wanted.source, wanted.frozen) {
        (Some(source), frozen) => {
            let origin = search.find(source).map_err(refusal)?;
            done.push(job.run(&origin, frozen.then_some(Frozen::ToLock)).map_err(refusal)?);
        }
        (None, _) => {
            let lock = site.installer(UNTRIED).lock().map_err(Finding::from)?;
            for release in lock.installed.iter().filter(|release| release.current) {
                let origin = search.find(&release.source).map_err(refusal)?;
                done.push(job.run(&origin, Some(Frozen::To(release))).map_err(refusal)?);
            }
        }
    }
    Ok(answer(context, done, wanted.dry_run).into())
}

/// What a release must be to be installed with `--frozen`.
pub(super) enum Frozen<'a> {
    /// The one in use, by the lock.
    ToLock,
    /// This one.
    To(&'a Installed),
}

/// One or more installations by the same rules.
pub(super) struct Job<'a> {
    pub(super) site: &'a Site,
    pub(super) search: &'a Search<'a>,
    pub(super) terms: Terms,
    pub(super) dry_run: bool,
}

/// What became of one installation, or would.
pub(super) struct Done {
    outcome: Outcome,
}

impl Job<'_> {
    /// Unpacks, examines and tries a release, and puts it in force unless this is a dry run.
    pub(super) fn run(
        &self,
        origin: &Origin,
        frozen: Option<Frozen<'_>>,
    ) -> Result<Done, Vec<Diagnostic>> {
        let trial = self.site.trial();
        let installer = self.site.installer(&trial);
        if let Some(folder) = origin.folder() {
            installer.judge(folder)?;
        }
        let prepared = installer.prepare(&origin.name, |meanwhile, package| {
            let files = self.search.unpack(origin, meanwhile, package)?;
            Ok(files.into_iter().map(|(path, (digest, _))| (path, digest)).collect())
        })?;
        let release = prepared.release();
        let locked = match frozen {
            None => None,
            Some(Frozen::To(release)) => Some(release.folder.clone()),
            Some(Frozen::ToLock) => {
                Some(prepared.before().map_or_else(String::new, |before| before.folder.clone()))
            }
        };
        if let Some(locked) = locked.filter(|locked| *locked != release.folder) {
            return Err(vec![not_locked(origin, &release.folder, &locked)]);
        }
        if !self.dry_run {
            return prepared.commit(self.terms).map(|outcome| Done { outcome });
        }
        let objections = prepared.objections(self.terms);
        if !objections.is_empty() {
            return Err(objections);
        }
        let outcome = Outcome {
            release: release.clone(),
            before: prepared.before().cloned(),
            changed: prepared.is_news(),
            warnings: prepared.warnings().to_vec(),
        };
        Ok(Done { outcome })
    }
}

/// What a source holds is not what the lock names.
fn not_locked(origin: &Origin, found: &str, locked: &str) -> Diagnostic {
    let message = match locked {
        "" => format!("{} holds `{found}`; the lock names no release of it", origin.name),
        locked => format!("{} holds `{found}`; the lock names `{locked}`", origin.name),
    };
    Diagnostic::error("LDR-INSTALL-FROZEN", message)
        .hint("put back what the source held, or install without `--frozen` to change the lock")
}

/// What to say of installations.
pub(super) fn answer(context: &Context, done: Vec<Done>, dry_run: bool) -> Answer {
    let text = done.iter().map(|done| done.line(dry_run)).collect();
    let data = json!({
        "dry_run": dry_run,
        "plugins": done.iter().map(Done::describe).collect::<Vec<_>>(),
    });
    let warnings = done.into_iter().flat_map(|done| done.outcome.warnings).collect();
    Answer { text, data, warnings: findings(context, warnings) }
}

impl Done {
    fn line(&self, dry_run: bool) -> String {
        let Outcome { release, before, changed, .. } = &self.outcome;
        let (id, version) = (&release.id, &release.version);
        let signed = match &release.publisher {
            Some(publisher) => format!("signed by {publisher}"),
            None => "not signed".to_owned(),
        };
        let agreed: String =
            release.agreed.lines().iter().map(|line| format!("{line}\n")).collect();
        let would = if dry_run { "would be " } else { "is " };
        match before {
            _ if !changed => format!("{id} {version} {would}left as it is: it is in use already\n"),
            Some(before) => format!(
                "{id} {version} {would}in use, in place of {} ({signed})\n{agreed}",
                before.version
            ),
            None => format!("{id} {version} {would}installed ({signed})\n{agreed}"),
        }
    }

    fn describe(&self) -> Value {
        let Outcome { release, before, changed, .. } = &self.outcome;
        json!({
            "id": release.id,
            "version": release.version,
            "changed": changed,
            "release": release,
            "before": before,
        })
    }
}

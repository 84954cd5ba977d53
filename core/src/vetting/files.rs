//! The files of a plugin that decide something, each opened once and judged as it was opened.

use super::{Policy, permissions::Permissions};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::{Candidate, Visit},
    folder::{Folder, Opened, Step, Unreadable, shell_word},
    manifest::{self, RelativePath},
};
use rustix::process::geteuid;
use std::{borrow::Cow, collections::BTreeSet, path::Path};

/// A larger library is refused.
pub const MAX_LIBRARY_BYTES: u64 = 512 * 1024 * 1024;

/// Opens the library, and says what speaks against the plugin's files; without the library, why.
pub(super) fn open(
    candidate: &Candidate,
    inside: &mut Inside<'_>,
    library: &RelativePath,
    findings: &mut Vec<Diagnostic>,
) -> Option<Opened> {
    let opened = inside.open(library, findings);
    if let Ok(opened) = &opened {
        findings.extend(check_mount(&inside.folder.way, opened));
    }
    inside.check_manifest(candidate, findings);
    let schemas = &candidate.spec().config;
    for schema in schemas.schema.iter().chain(&schemas.account_schema) {
        // A schema that cannot be opened is told where the configuration is checked.
        let _ = inside.open(schema, findings);
    }
    opened.map_err(|problem| findings.push(unreadable(candidate, library, &problem))).ok()
}

/// A plugin's folder, open, and the rules for everything on the way to a file in it.
pub(super) struct Inside<'a> {
    folder: Cow<'a, Folder>,
    /// The manifest as it was read, if it is still open.
    manifest: Option<&'a Opened>,
    /// `None` when nobody asks who can change the files.
    permissions: Option<Permissions<'a>>,
}

impl<'a> Inside<'a> {
    /// Goes to the folder, unless somebody is there already, and says what speaks against the way there.
    pub(super) fn enter(
        candidate: &Candidate,
        visit: Option<&'a Visit>,
        policy: &'a Policy,
        findings: &mut Vec<Diagnostic>,
    ) -> Result<Self, Unreadable> {
        let folder = match visit {
            Some(visit) => Cow::Borrowed(&visit.folder),
            None => Cow::Owned(Folder::reach(candidate.root(), candidate.folder())?),
        };
        let trust = &policy.trust;
        let permissions = || Permissions::new(&trust.owners, candidate.is_linked());
        let mut permissions = trust.check_permissions.then(permissions);
        if let Some(permissions) = &mut permissions {
            findings.extend(permissions.check(&folder.way));
        }
        Ok(Self { folder, manifest: visit.map(|visit| &visit.manifest), permissions })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Opens a file, and says what speaks against it.
    pub(super) fn open(
        &mut self,
        file: &RelativePath,
        findings: &mut Vec<Diagnostic>,
    ) -> Result<Opened, Unreadable> {
        let opened = self.folder.file(file)?;
        self.judge(&opened, findings);
        Ok(opened)
    }

    /// Says what speaks against the manifest.
    pub(super) fn check_manifest(&mut self, candidate: &Candidate, findings: &mut Vec<Diagnostic>) {
        if let Some(manifest) = self.manifest {
            return self.judge(manifest, findings);
        }
        match self.open(&RelativePath::manifest(), findings) {
            Ok(opened) => findings.extend(has_changed(candidate, opened)),
            Err(problem) => findings.push(changed(candidate, &format!("it {problem} any more"))),
        }
    }

    fn judge(&mut self, opened: &Opened, findings: &mut Vec<Diagnostic>) {
        if let Some(permissions) = &mut self.permissions {
            findings.extend(permissions.check(&opened.chain));
        }
    }
}

/// Who, besides those the operator trusts, could change a file or put another one in its place: for
/// files that say whom to trust. A link is followed, and where it is counts as much as where it leads.
pub fn who_can_change(file: &Path, owners: &BTreeSet<u32>) -> Vec<Diagnostic> {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut permissions = Permissions::new(owners, true);
    let mut findings = Vec::new();
    for path in [file, &real] {
        let Some((folder, name)) = path.parent().zip(path.file_name()) else { continue };
        let Ok(folder) = Folder::reach(folder, folder) else { continue };
        findings.extend(permissions.check(&folder.way));
        let name = name.to_str().and_then(|name| name.parse::<RelativePath>().ok());
        if let Some(Ok(opened)) = name.map(|name| folder.file(&name)) {
            findings.extend(permissions.check(&opened.chain));
        }
    }
    findings
}

/// Reads the library.
pub(super) fn read(
    candidate: &Candidate,
    library: &RelativePath,
    opened: &mut Opened,
) -> Result<Vec<u8>, Diagnostic> {
    let bytes = opened
        .read(MAX_LIBRARY_BYTES)
        .map_err(|problem| unreadable(candidate, library, &problem))?;
    if bytes.is_empty() {
        let message = format!("`{library}` is empty");
        let refusal = Diagnostic::error("LDR-VET-FORMAT", message).at(&opened.path);
        return Err(refusal.hint(build_and_copy(candidate, library)));
    }
    Ok(bytes)
}

/// The manifest that is judged must be the one that was read.
fn has_changed(candidate: &Candidate, mut opened: Opened) -> Option<Diagnostic> {
    match opened.read(manifest::MAX_BYTES as u64) {
        Ok(text) if Digest::of(&text) == candidate.manifest_digest() => None,
        Ok(_) => Some(changed(candidate, "it says something else now")),
        Err(problem) => Some(changed(candidate, &format!("it {problem}"))),
    }
}

fn changed(candidate: &Candidate, how: &str) -> Diagnostic {
    let message = format!("the manifest changed while the plugin was examined: {how}");
    let hint = format!("loader plugins inspect {}", candidate.id());
    Diagnostic::error("LDR-VET-CHANGED", message).at(candidate.manifest_path()).hint(hint)
}

/// A file system that runs no programs is not got around by copying the library elsewhere.
fn check_mount(way: &[Step], opened: &Opened) -> Option<Diagnostic> {
    opened.is_noexec().then(|| {
        let message = "lies on a file system that is mounted noexec, from which nothing may be run";
        let mount = shell_word(mount_point(way, opened));
        let sudo = if geteuid().is_root() { "" } else { "sudo " };
        let hint = format!("{sudo}mount -o remount,exec {mount}");
        Diagnostic::error("LDR-VET-NOEXEC", message).at(&opened.path).hint(hint)
    })
}

/// The first folder on the way that is on the file's device.
fn mount_point<'a>(way: &'a [Step], opened: &'a Opened) -> &'a Path {
    let steps: Vec<&Step> =
        way.iter().chain(&opened.chain).filter(|step| !step.is_link()).collect();
    let device = steps.last().map(|step| step.found.st_dev);
    let others = steps.iter().rposition(|step| Some(step.found.st_dev) != device);
    steps.get(others.map_or(0, |last| last + 1)).map_or(&opened.path, |step| &step.path)
}

/// Why there is no library.
pub(super) fn unreadable(
    candidate: &Candidate,
    library: &RelativePath,
    problem: &Unreadable,
) -> Diagnostic {
    let path = library.under(candidate.folder());
    let hint = problem.mending(&path).unwrap_or_else(|| match problem {
        Unreadable::TooLarge { .. } => {
            "strip it: `strip = true` below [profile.release]".to_owned()
        }
        Unreadable::System(_) => format!("see what is wrong there: ls -l {}", shell_word(&path)),
        _ => build_and_copy(candidate, library),
    });
    let message = format!("`{library}` {problem}");
    Diagnostic::error("LDR-VET-FILE", message).at(&path).hint(hint)
}

/// What is to be done about a library that is not there or is not whole.
fn build_and_copy(candidate: &Candidate, library: &RelativePath) -> String {
    let name = library.as_str().rsplit('/').next().unwrap_or_default();
    if library.as_str() == format!("target/release/{name}") {
        // Built there, with nothing to copy.
        let package = shell_word(&candidate.folder().join("Cargo.toml"));
        return format!("cargo build --release --manifest-path {package}");
    }
    let target = shell_word(&library.under(candidate.folder()));
    // Through a new name, since what is there may be a pipe, or be read by somebody.
    format!(
        "cargo build --release && cp target/release/{name} {target}.new && mv -f {target}.new {target}"
    )
}

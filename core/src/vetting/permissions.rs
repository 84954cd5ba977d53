//! Who can change a plugin's files: only the superuser, the user the host runs as, and owners that the
//! operator trusts.
//!
//! Looks at the plugin's folder, every folder below it on the way to the library, the library and
//! the manifest, each as it was when it was opened.

use crate::{
    diagnostic::Diagnostic,
    discovery::Candidate,
    folder::{self, Opened, shell_word},
    manifest::RelativePath,
};
use rustix::process::geteuid;
use std::{collections::BTreeSet, fs::Metadata, os::unix::fs::MetadataExt, path::Path};

/// Others may write: the group's and everybody's write bits.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The set-user-id and set-group-id bits.
const SETUID_OR_SETGID: u32 = 0o6000;

/// Every file and folder of a plugin that somebody else could have changed.
pub(super) fn check(
    candidate: &Candidate,
    library: &Opened,
    trusted: &BTreeSet<u32>,
) -> Vec<Diagnostic> {
    // A manifest that has vanished since it was read decides nothing any more.
    let manifest = folder::open(candidate.folder(), &RelativePath::manifest());
    let manifest = manifest.ok().and_then(|mut opened| opened.chain.pop());
    let chain = library.chain.iter().chain(&manifest);
    chain.filter_map(|(path, found)| check_one(path, found, trusted)).collect()
}

fn check_one(path: &Path, found: &Metadata, trusted: &BTreeSet<u32>) -> Option<Diagnostic> {
    let (mode, owner, us) = (found.mode(), found.uid(), geteuid().as_raw());
    let word = shell_word(path);
    let finding = if owner != 0 && owner != us && !trusted.contains(&owner) {
        let message = format!(
            "belongs to user {}, who could change it; it must belong to root or user {us}",
            owner
        );
        Diagnostic::error("LDR-VET-OWNER", message).hint(format!("sudo chown {us} {word}"))
    } else if mode & WRITABLE_BY_OTHERS != 0 {
        let message = format!(
            "can be changed by other users (mode {:04o}, wanted {:04o})",
            mode & 0o7777,
            mode & 0o7755
        );
        Diagnostic::error("LDR-VET-MODE", message).hint(format!("chmod go-w {word}"))
    } else if found.is_file() && mode & SETUID_OR_SETGID != 0 {
        let message = format!(
            "has a set-user-id or set-group-id bit (mode {:04o}), which no library needs",
            mode & 0o7777
        );
        Diagnostic::error("LDR-VET-SETUID", message).hint(format!("chmod u-s,g-s {word}"))
    } else if found.is_file() && found.nlink() > 1 {
        let message = format!("has {} hard links, and can be changed through each", found.nlink());
        let hint = format!("put a copy there: cp {word} {word}.new && mv {word}.new {word}");
        Diagnostic::warning("LDR-VET-LINKS", message).hint(hint)
    } else {
        return None;
    };
    Some(finding.at(path))
}

//! What there is to say about folders that hold no plugin, and about two that hold the same one.

use super::{Provenance, candidate::Found};
use crate::{
    diagnostic::Diagnostic,
    folder::{Unreadable, shell_word},
    manifest,
    trust::lock::{self, Installed},
};
use std::path::Path;

pub(super) fn unreadable(folder: &Path, problem: &Unreadable) -> Diagnostic {
    match problem {
        Unreadable::Missing => {
            Diagnostic::warning("LDR-DISCOVERY-EMPTY", "the folder holds no plugin.toml")
                .hint("add one, or move the folder out of the plugin folder")
        }
        Unreadable::TooLarge { .. } => {
            Diagnostic::error("LDR-MANIFEST-SIZE", format!("the manifest {problem}"))
                .hint("move long content into files of their own")
        }
        _ => {
            let hint = problem.mending(&folder.join(manifest::FILE_NAME)).unwrap_or_else(|| {
                format!("make it a plain file you may read; ls -la {}", shell_word(folder))
            });
            Diagnostic::error("LDR-MANIFEST-READ", format!("the manifest {problem}")).hint(hint)
        }
    }
}

/// A plugin of a workspace that nobody switched on.
pub(super) fn not_used(found: &Found) -> Diagnostic {
    let id = &found.manifest.id;
    let message = format!("`{id}` of the {} is not used: it is not switched on", found.origin);
    let hint = format!("to use it, set plugins.entries.\"{id}\".enabled = true");
    Diagnostic::warning("LDR-DISCOVERY-OFF", message).at(&found.manifest_path).about(id).hint(hint)
}

/// A release whose root has no lock that says whether it counts.
pub(super) fn unlocked(path: &Path, root: &Path) -> Diagnostic {
    let message = format!("was installed, but {} is not there to say so", lock::FILE_NAME);
    let hint = format!(
        "put {} back, or install the release again: loader plugins install {}",
        shell_word(&root.join(lock::FILE_NAME)),
        shell_word(path)
    );
    Diagnostic::error("LDR-LOCK-NONE", message).at(path).hint(hint)
}

/// A release that the lock names and whose folder is gone.
pub(super) fn missing(release: &Installed, path: &Path) -> Diagnostic {
    let message =
        format!("`{}` {} is installed, but its folder is gone", release.id, release.version);
    let hint = format!(
        "install it again: loader plugins install {}; or forget it: loader plugins remove {}",
        shell_word(Path::new(&release.source)),
        release.id
    );
    Diagnostic::error("LDR-LOCK-MISSING", message).at(path).about(&release.id).hint(hint)
}

/// Two folders with one id: hidden by precedence, or refused within one origin.
pub(super) fn collision(winner: &Found, loser: &Found) -> Diagnostic {
    let id = &loser.manifest.id;
    let (first, second) = (winner.folder.display(), loser.folder.display());
    let is_instead = winner.provenance == Provenance::Linked;
    let finding = if winner.origin == loser.origin && !is_instead {
        let message = format!(
            "two plugins of one origin ({}) have the id `{id}`: {first} is used, {second} is refused",
            loser.origin
        );
        let hint = format!("if it is not needed: {}", removal(loser));
        Diagnostic::error("LDR-DISCOVERY-DUPLICATE", message).hint(hint)
    } else {
        let message = format!(
            "`{id}` {} from {} ({second}) is hidden by `{id}` {} from {} ({first})",
            loser.manifest.version, loser.origin, winner.manifest.version, winner.origin
        );
        let hint = format!("to use the hidden one: {}", removal(winner));
        Diagnostic::warning("LDR-DISCOVERY-SHADOWED", message).hint(hint)
    };
    finding.at(&loser.manifest_path).about(id)
}

/// The command that takes a plugin folder away, by how it came to be there.
fn removal(found: &Found) -> String {
    let id = &found.manifest.id;
    match found.provenance {
        Provenance::Placed => format!("rm -r {}", shell_word(&found.folder)),
        Provenance::Linked => format!("loader plugins unlink {id}"),
        Provenance::Installed(_) | Provenance::Prepared(_) => {
            format!("loader plugins remove {id}")
        }
    }
}

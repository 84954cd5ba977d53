//! A link for as long as a command runs.

use std::path::{Path, PathBuf};

use loader_core::trust::lock::Lock;

use super::site::{Site, UNTRIED, refusal};
use crate::context::Context;
use crate::output::Refusal;

/// A folder that is used where it is.
pub(in crate::commands) struct Link {
    id: String,
    folder: PathBuf,
    /// The folder that was used before.
    before: Option<PathBuf>,
}

impl Link {
    /// Links a folder, in place of another one of the same plugin.
    pub(in crate::commands) fn make(context: &Context, folder: &Path) -> Result<Self, Refusal> {
        let site = Site::of(context)?;
        let lock = Lock::read(&site.root).ok().flatten();
        let id = site.installer(UNTRIED).link(folder).map_err(refusal)?.id;
        let before = lock.and_then(|lock| folder_of(lock, &id));
        Ok(Self { id, folder: folder.to_owned(), before })
    }

    /// The plugin's id.
    pub(in crate::commands) fn id(&self) -> &str {
        &self.id
    }

    /// Uses again what was used before, unless somebody linked something else meanwhile.
    pub(in crate::commands) fn undo(self, context: &Context) -> Result<(), Refusal> {
        let site = Site::of(context)?;
        let now = Lock::read(&site.root).ok().flatten().and_then(|lock| folder_of(lock, &self.id));
        if now != Some(self.folder) || self.before == now {
            return Ok(());
        }
        let installer = site.installer(UNTRIED);
        let relinked = self.before.map(|before| installer.link(&before).map(drop));
        match relinked {
            Some(Ok(())) => Ok(()),
            failed => {
                let unlinked = installer.unlink(&self.id).map(drop);
                unlinked.map_err(|unknown| refusal(vec![unknown]))?;
                failed.unwrap_or(Ok(())).map_err(refusal)
            }
        }
    }
}

/// The folder that is used where it is for a plugin.
fn folder_of(lock: Lock, id: &str) -> Option<PathBuf> {
    lock.linked.into_iter().find(|one| one.id == id).map(|one| one.path)
}

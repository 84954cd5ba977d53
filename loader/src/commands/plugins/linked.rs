//! A link for as long as a command runs.

use std::path::Path;

use loader_core::trust::lock::Lock;

use super::site::{Site, UNTRIED, refusal};
use crate::context::Context;
use crate::output::Refusal;

/// A folder that is used where it is.
pub(in crate::commands) struct Link {
    /// The plugin to be unlinked in the end; none when it was linked before.
    ours: Option<String>,
}

impl Link {
    /// Links a folder, unless it is linked already.
    pub(in crate::commands) fn make(context: &Context, folder: &Path) -> Result<Self, Refusal> {
        let site = Site::of(context)?;
        let before = Lock::read(&site.root).ok().flatten();
        let known = before.is_some_and(|lock| lock.linked.iter().any(|one| one.path == folder));
        let linked = site.installer(UNTRIED).link(folder).map_err(refusal)?;
        Ok(Self { ours: (!known).then_some(linked.id) })
    }

    /// Takes the link back if it was made here.
    pub(in crate::commands) fn undo(self, context: &Context) -> Result<(), Refusal> {
        let Some(id) = self.ours else { return Ok(()) };
        let site = Site::of(context)?;
        site.installer(UNTRIED).unlink(&id).map(drop).map_err(|unknown| refusal(vec![unknown]))
    }
}

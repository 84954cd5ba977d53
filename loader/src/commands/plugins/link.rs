//! `loader plugins link` and `unlink`: folders under development, used where they are.

use serde_json::json;

use super::site::{Site, UNTRIED, refusal};
use crate::args::Link;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult};
use crate::shell;

/// Uses a folder where it is.
pub(in crate::commands) fn link(context: &Context, wanted: &Link) -> CommandResult {
    let site = Site::of(context)?;
    let folder = wanted.folder.canonicalize().map_err(|error| {
        Finding::error("LDR-FOLDER", format!("the folder cannot be linked: {error}"))
            .at(&wanted.folder)
            .hint("name the folder that holds the plugin.toml")
    })?;
    let linked = site.installer(UNTRIED).link(&folder).map_err(refusal)?;
    Ok(Answer {
        text: format!("{} is used from {}\n", linked.id, shell::word(&linked.path)),
        data: json!({ "linked": linked }),
        warnings: context.warnings(),
    }
    .into())
}

/// Stops using a folder.
pub(in crate::commands) fn unlink(context: &Context, id: &str) -> CommandResult {
    let site = Site::of(context)?;
    let linked = site.installer(UNTRIED).unlink(id).map_err(|unknown| refusal(vec![unknown]))?;
    Ok(Answer {
        text: format!("{id} is not used from {} any more\n", shell::word(&linked.path)),
        data: json!({ "unlinked": linked }),
        warnings: context.warnings(),
    }
    .into())
}

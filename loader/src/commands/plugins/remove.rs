//! `loader plugins remove`: takes a plugin out, after saying what would go.

use std::io::{IsTerminal as _, stdin};

use loader_core::trust::lock::Installed;
use serde_json::json;

use super::site::{Site, UNTRIED, findings, refusal};
use crate::args::Remove;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Output, Refusal};
use crate::shell;

/// Takes a plugin out.
pub(in crate::commands) fn remove(
    context: &Context,
    wanted: &Remove,
    output: &Output,
) -> CommandResult {
    let site = Site::of(context)?;
    let installer = site.installer(UNTRIED);
    let lock = installer.lock().map_err(Finding::from)?;
    let releases: Vec<Installed> = lock.releases(&wanted.id).cloned().collect();
    let preview = preview(&site, &releases, wanted.keep_files);
    if wanted.dry_run && !releases.is_empty() {
        let data = json!({ "id": wanted.id, "dry_run": true, "releases": releases });
        return Ok(Answer { text: preview, data, warnings: context.warnings() }.into());
    }
    if !wanted.yes && !releases.is_empty() {
        agree(wanted, &preview, output)?;
    }
    let removed = installer.remove(&wanted.id, wanted.keep_files);
    let removed = removed.map_err(|finding| refusal(vec![finding]))?;
    let gateway = match site.is_followed {
        true => "a running gateway stops it",
        false => "a running gateway serves it until it is restarted",
    };
    Ok(Answer {
        text: format!("{} is removed; {gateway}\n", wanted.id),
        data: json!({ "id": wanted.id, "dry_run": false, "releases": removed.releases }),
        warnings: findings(context, removed.warnings),
    }
    .into())
}

fn preview(site: &Site, releases: &[Installed], keep_files: bool) -> String {
    let what = if keep_files { "forgets" } else { "deletes" };
    let line = |release: &Installed| {
        let use_ = if release.current { "in use" } else { "kept" };
        let folder = shell::word(site.root.join(&release.folder));
        format!("{what} {} {} ({use_}): {folder}\n", release.id, release.version)
    };
    releases.iter().map(line).collect()
}

/// Asks at a terminal; elsewhere, somebody must have agreed beforehand.
fn agree(wanted: &Remove, preview: &str, output: &Output) -> Result<(), Refusal> {
    let refused = |message: &str| {
        let hint = format!("loader plugins remove --yes {}", wanted.id);
        Refusal::from(Finding::error("LDR-INSTALL-ASK", message).hint(hint))
    };
    if output.is_json() || !stdin().is_terminal() {
        return Err(refused("nothing was removed: there is nobody to ask"));
    }
    output.note(&format!("{preview}go on? [y/N] "));
    let mut answer = String::new();
    let read = stdin().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(refused("nothing was removed")),
    }
}

//! `loader plugins update`: the newest release of plugins, from where each came from.

use loader_core::installation::{Terms, not_installed};
use loader_core::trust::lock::Installed;

use super::install::{Job, answer};
use super::origin::Search;
use super::site::{Site, UNTRIED, refusal};
use crate::args::Update;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{CommandResult, Output};

/// Updates plugins. The first that cannot be updated ends it; those before it stay updated.
pub(in crate::commands) fn update(
    context: &Context,
    wanted: &Update,
    output: &Output,
) -> CommandResult {
    let site = Site::of(context)?;
    let lock = site.installer(UNTRIED).lock().map_err(Finding::from)?;
    let named =
        |release: &&Installed| release.current && (wanted.all || wanted.ids.contains(&release.id));
    let releases: Vec<&Installed> = lock.installed.iter().filter(named).collect();
    let is_known = |id: &&String| releases.iter().any(|release| release.id == **id);
    if let Some(unknown) = wanted.ids.iter().find(|id| !is_known(id)) {
        return Err(refusal(vec![not_installed(unknown, &lock, &site.root)]));
    }
    let search = Search::new(context, output, wanted.prerelease)?;
    let terms = Terms { accept: wanted.accept || site.accepts, allow_downgrade: false };
    let job = Job { site: &site, search: &search, terms, dry_run: wanted.dry_run };
    let mut done = Vec::new();
    for release in releases {
        let origin = search.find(&release.source).map_err(refusal)?;
        done.push(job.run(&origin, None).map_err(refusal)?);
    }
    Ok(answer(context, done, wanted.dry_run).into())
}

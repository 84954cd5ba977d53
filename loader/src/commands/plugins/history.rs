//! `loader plugins history`: what was done, and which releases are kept.

use jiff::Timestamp;
use loader_core::trust::lock::{Change, Installed};
use serde_json::json;

use super::site::{Site, UNTRIED};
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, table};

/// Shows what was done.
pub(in crate::commands) fn history(context: &Context, id: Option<&str>) -> CommandResult {
    let site = Site::of(context)?;
    let lock = site.installer(UNTRIED).lock().map_err(Finding::from)?;
    let changes: Vec<&Change> =
        lock.changes.iter().filter(|change| id.is_none_or(|id| change.id == id)).collect();
    let releases: Vec<&Installed> =
        lock.installed.iter().filter(|release| id.is_none_or(|id| release.id == id)).collect();
    Ok(Answer {
        text: write(&changes),
        data: json!({ "changes": changes, "releases": releases }),
        warnings: context.warnings(),
    }
    .into())
}

fn write(changes: &[&Change]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let row = |change: &&Change| {
        let name = |of: &Option<String>| of.clone().unwrap_or_else(|| "-".into());
        [
            change.number.to_string(),
            time(change.time),
            format!("{:?}", change.action).to_lowercase(),
            change.id.clone(),
            name(&change.from),
            name(&change.to),
        ]
    };
    let rows: Vec<_> = changes.iter().map(row).collect();
    table(["CHANGE", "TIME", "ACTION", "ID", "FROM", "TO"], &rows)
}

/// `2026-11-21T16:23:00Z`, from seconds since 1970.
fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

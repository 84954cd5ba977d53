//! `loader plugins diff`: in what two releases differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use loader_core::installation::described;
use loader_core::trust::lock::{Installed, Lock};
use serde_json::json;

use super::site::{Site, UNTRIED, refusal};
use crate::args::Diff;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Refusal};

/// Compares two releases.
pub(in crate::commands) fn diff(context: &Context, wanted: &Diff) -> CommandResult {
    let site = Site::of(context)?;
    let lock = site.installer(UNTRIED).lock().map_err(Finding::from)?;
    let before = release(&lock, &wanted.before)?;
    let after = release(&lock, &wanted.after)?;
    let more = after.agreed.beyond(&before.agreed);
    let less = before.agreed.beyond(&after.agreed);
    let files = files(&before, &after);
    let mut text = format!("{} {} -> {} {}\n", before.id, before.version, after.id, after.version);
    for (sign, agreed) in [("+", &more), ("-", &less)] {
        for line in agreed.lines() {
            let _ = writeln!(text, "{sign} {}", line.trim_start());
        }
    }
    for (file, change) in &files {
        let _ = writeln!(text, "{} {file}", change.sign());
    }
    let files: BTreeMap<&String, &str> =
        files.iter().map(|(file, change)| (file, change.name())).collect();
    Ok(Answer {
        text,
        data: json!({
            "before": before, "after": after, "more": more, "less": less, "files": files,
        }),
        warnings: context.warnings(),
    }
    .into())
}

/// `ID`, `ID@VERSION`, or a plugin folder.
fn release(lock: &Lock, text: &str) -> Result<Installed, Refusal> {
    if text.contains('/') || text.starts_with('.') {
        return described(Path::new(text)).map_err(refusal);
    }
    let found = match text.split_once('@') {
        Some((id, version)) => {
            lock.releases(id).rev().find(|one| one.version.to_string() == version)
        }
        None => lock.current(text),
    };
    found.cloned().ok_or_else(|| {
        let message = format!("no release `{}` is kept", text.escape_debug());
        let finding = Finding::error("LDR-INSTALL-UNKNOWN", message);
        let hint = "loader plugins history; a folder begins with a dot or a slash";
        Refusal::new(Exit::NotFound, finding.hint(hint))
    })
}

/// What became of a file.
enum FileChange {
    Added,
    Removed,
    Changed,
}

impl FileChange {
    fn sign(&self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

fn files(before: &Installed, after: &Installed) -> BTreeMap<String, FileChange> {
    let mut changes = BTreeMap::new();
    for (file, digest) in &after.files {
        match before.files.get(file) {
            Some(same) if same == digest => {}
            Some(_) => drop(changes.insert(file.to_string(), FileChange::Changed)),
            None => drop(changes.insert(file.to_string(), FileChange::Added)),
        }
    }
    for file in before.files.keys().filter(|file| !after.files.contains_key(*file)) {
        changes.insert(file.to_string(), FileChange::Removed);
    }
    changes
}

//! That no plugin has an id, and everywhere it was looked for.

use std::path::Path;

use loader_core::Survey;
use loader_core::diagnostic::Diagnostic;
use loader_core::discovery::Searched;
use loader_core::nearest::nearest;

use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::{Finding, Looked};
use crate::output::Refusal;

/// No plugin has this id. One whose manifest makes no sense has none, but its folder may be named so.
pub(super) fn not_found(context: &Context, survey: &Survey, id: &str) -> Refusal {
    let is_meant = |diagnostic: &&Diagnostic| {
        let place = diagnostic.place.as_ref().map(|place| place.path.as_path());
        let is_it = place.and_then(Path::file_name).is_some_and(|name| name == id);
        let folder = place.and_then(Path::parent).and_then(Path::file_name);
        let is_within = folder.is_some_and(|name| name == id) && diagnostic.is_error();
        is_it || is_within || diagnostic.plugin.as_deref() == Some(id) && diagnostic.is_error()
    };
    let broken: Vec<_> = survey.diagnostics.iter().filter(is_meant).cloned().collect();
    if !broken.is_empty() {
        let errors = broken.into_iter().map(Finding::from).collect();
        return Refusal { exit: Exit::Failure, errors, warnings: context.warnings() };
    }
    let message = format!("no plugin `{}` was found", id.escape_debug());
    let unknown = unknown(survey, id, message);
    Refusal { warnings: context.warnings(), ..Refusal::new(Exit::NotFound, unknown) }
}

/// The same in other words: the nearest id there is, and what came of looking in each root.
pub(in crate::commands) fn unknown(survey: &Survey, id: &str, message: String) -> Finding {
    let hint = match nearest(id, survey.plugins.iter().map(|plugin| plugin.candidate.id())) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "see which there are: loader plugins list".to_owned(),
    };
    let looked_in = survey.searched.iter().map(|searched| Looked {
        path: searched.root.path.clone(),
        origin: searched.root.origin,
        outcome: outcome(searched),
    });
    let finding = Finding::error("LDR-PLUGINS-UNKNOWN", message).hint(hint);
    Finding { looked_in: looked_in.collect(), ..finding }
}

/// What came of looking in a root.
fn outcome(searched: &Searched) -> String {
    /// More reasons than this help nobody who looks for one plugin.
    const MOST: usize = 3;
    if let Some(problem) = &searched.problem {
        return problem.clone();
    }
    let held = match searched.plugins {
        0 => "holds no plugin".to_owned(),
        1 => "holds one plugin, not this one".to_owned(),
        count => format!("holds {count} plugins, none of this id"),
    };
    let refused = &searched.refused;
    let reasons = refused.iter().take(MOST).map(|reason| format!("; {reason}"));
    let more = refused.len().checked_sub(MOST).filter(|more| *more > 0);
    let more = more.map(|more| format!("; and {more} more findings"));
    reasons.chain(more).fold(held, |held, reason| held + &reason)
}

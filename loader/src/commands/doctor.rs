//! `loader doctor`: says what is wrong with this machine, and how to mend it.
//!
//! It has no opinion of its own: the checks of plugins are the steps of a real start, up to the point
//! where a library would be opened.

mod accounts;
mod check;
mod configuration;
mod host;
mod patient;
mod plugins;
mod repair;
mod report;
mod state;
mod trust;

use self::check::Section;
use self::patient::Patient;
use self::repair::{Repair, plan};
use self::report::Report;
use crate::args::{Doctor, Global};
use crate::commands::plugins::unknown;
use crate::exit_code::Exit;
use crate::output::{CommandResult, Outcome, Output, Refusal};

/// Looks at everything.
pub(super) fn doctor(wanted: &Doctor, global: &Global, output: &Output) -> CommandResult {
    look(wanted, global, output, &Section::ALL)
}

/// Looks at plugins, and at what makes them trusted or not.
pub(super) fn of_plugins(wanted: &Doctor, global: &Global, output: &Output) -> CommandResult {
    look(wanted, global, output, &[Section::Trust, Section::Plugins])
}

fn look(wanted: &Doctor, global: &Global, output: &Output, sections: &[Section]) -> CommandResult {
    let sections = match wanted.plugin {
        Some(_) => &[Section::Plugins],
        None => sections,
    };
    let patient = Patient::examine(global, wanted.probe);
    let mut report = Report::of(&patient, wanted.plugin.as_deref(), sections);
    if let (Some(id), Ok(configured)) = (wanted.plugin.as_deref(), &patient.configuration)
        && !report.speaks_of(id)
    {
        let message = format!("no plugin `{}` was found", id.escape_debug());
        let unknown = unknown(&configured.survey, id, message);
        let warnings = configured.context.warnings();
        return Err(Refusal { warnings, ..Refusal::new(Exit::NotFound, unknown) });
    }
    if wanted.fix {
        let repairs = plan(&patient, report.findings());
        for repair in &repairs {
            let would = if wanted.dry_run { "would run" } else { "runs" };
            output.note(&format!("{would}: {}\n", repair.command()));
        }
        let failures = match wanted.dry_run {
            true => Vec::new(),
            false => repairs.iter().filter_map(|repair| Repair::apply(repair).err()).collect(),
        };
        if !wanted.dry_run && !repairs.is_empty() {
            // What was held is let go before it is looked at again.
            drop(patient);
            let again = Patient::examine(global, wanted.probe);
            report = Report::of(&again, wanted.plugin.as_deref(), sections);
        }
        report.repaired(repairs, failures);
    }
    let mut answer = report.answer(wanted.only_failed);
    if output.is_json() {
        // People read them in the report.
        answer.warnings = report.errors().cloned().collect();
    }
    Ok(match report.is_healthy() {
        true => answer.into(),
        false => Outcome::Objected(answer),
    })
}

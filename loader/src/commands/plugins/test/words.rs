//! A report for people.

use std::collections::BTreeMap;

use loader_testkit::suite::{Case, Counts, Outcome, PLUGIN, Report, Under};

use crate::output::{harmless, table};

/// The group of a promise: `plugin`, or `tool/1:roll`.
pub(super) fn group(under: &Under) -> String {
    match under.contract == PLUGIN {
        true => under.plugin.clone(),
        false => format!("{}:{}", under.contract, under.capability),
    }
}

/// A promise as it is named everywhere.
pub(super) fn name(under: &Under) -> String {
    format!("{} {}", group(under), under.name)
}

/// A line for each group, then what is broken, then what was not asked.
pub(super) fn write(report: &Report) -> String {
    let groups = report.cases.chunk_by(|one, other| one.under.group() == other.under.group());
    let rows = groups.map(|cases| {
        let counts = Counts::of(cases);
        let group = cases.first().map(|case| group(&case.under)).unwrap_or_default();
        let number = |count: usize| if count == 0 { "-".to_owned() } else { count.to_string() };
        [group, number(counts.passed), number(counts.failed), number(counts.skipped)]
    });
    let rows: Vec<_> = rows.collect();
    let mut text = table(["ASKED", "KEPT", "BROKEN", "NOT ASKED"], &rows);
    for case in report.failures() {
        text.push_str(&format!("\nbroken: {}\n", harmless(&name(&case.under))));
        text.push_str(&format!("  {}\n", harmless(&case.message)));
        if !case.hint.is_empty() {
            text.push_str(&format!("  change: {}\n", harmless(&case.hint)));
        }
    }
    text + &unasked(&report.cases)
}

/// What was not asked, by its reason.
fn unasked(cases: &[Case]) -> String {
    let mut reasons: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.outcome == Outcome::Skipped) {
        let of = reasons.entry((group(&case.under), &case.message)).or_default();
        of.push(&case.under.name);
    }
    let lines = reasons.into_iter().map(|((group, reason), names)| {
        let names = names.join(", ");
        format!("\nnot asked: {} {names}\n  {}\n", harmless(&group), harmless(reason))
    });
    lines.collect()
}

//! What was found, by check and by plugin, for people and for programs.

use std::fmt::Write as _;

use loader_core::diagnostic::Severity;
use loader_core::{Survey, Surveyed};
use loader_gateway::{Shape, Signal, Signals};
use serde::Serialize;
use serde_json::{Value, json};

use super::check::{CHECKS, Check, Section};
use super::patient::Patient;
use super::plugins;
use super::repair::Repair;
use crate::commands::plugins::Status;
use crate::finding::Finding;
use crate::output::{Answer, harmless};

/// What was found.
pub(super) struct Report {
    checks: Vec<Checked>,
    plugins: Vec<Diagnosed>,
    repairs: Vec<Repair>,
    failures: Vec<Finding>,
}

/// One check and what it found.
struct Checked {
    check: &'static Check,
    /// `None` when it could not look.
    found: Option<Vec<Finding>>,
}

/// One plugin and what is to be said of it.
struct Diagnosed {
    id: String,
    version: String,
    origin: String,
    status: Status,
    signal: Signal,
    shape: Shape,
    reason: String,
    found: Vec<Finding>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Grade {
    Ok,
    Skipped,
    Warning,
    Failed,
}

impl Grade {
    fn of(found: &[Finding]) -> Self {
        match found.iter().map(|finding| finding.severity).max() {
            None => Self::Ok,
            Some(Severity::Warning) => Self::Warning,
            Some(Severity::Error) => Self::Failed,
        }
    }

    fn mark(self) -> char {
        match self {
            Self::Ok => '✓',
            Self::Skipped => '-',
            Self::Warning => '!',
            Self::Failed => '✗',
        }
    }
}

impl Report {
    /// Runs the checks of some sections; with the id of a plugin, only for what is about that one.
    pub(super) fn of(patient: &Patient, plugin: Option<&str>, sections: &[Section]) -> Self {
        let is_wanted = |check: &&Check| sections.contains(&check.section);
        let can_look = |check: &Check| patient.configuration.is_ok() || check.id == CHECKS[0].id;
        // What is wrong with the configuration keeps everything from being looked at.
        let is_first = |check: &&Check| {
            patient.configuration.is_err() && check.section == Section::Configuration
        };
        let checks = CHECKS.iter().filter(|check| is_wanted(check) || is_first(check));
        let checks = checks.map(|check| {
            let found = can_look(check).then(|| {
                let found = (check.look)(patient).into_iter();
                found.filter(|one| is_about(one, plugin, check.section)).collect()
            });
            Checked { check, found }
        });
        let surveys = patient.configuration.iter().map(|it| &it.survey);
        let surveyed =
            surveys.flat_map(|survey| survey.plugins.iter().map(move |one| (survey, one)));
        let surveyed = surveyed.filter(|(_, one)| plugin.is_none_or(|id| one.candidate.id() == id));
        Self {
            checks: checks.collect(),
            plugins: surveyed.map(|(survey, one)| Diagnosed::of(survey, one)).collect(),
            repairs: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Whether there is anything to say of a plugin.
    pub(super) fn speaks_of(&self, id: &str) -> bool {
        let is_about = |finding: &Finding| finding.plugin.as_deref() == Some(id);
        self.plugins.iter().any(|plugin| plugin.id == id) || self.findings().any(is_about)
    }

    /// Everything that was found.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.checks.iter().filter_map(|checked| checked.found.as_ref()).flatten()
    }

    /// Adds what was repaired, and what could not be.
    pub(super) fn repaired(&mut self, repairs: Vec<Repair>, failures: Vec<Finding>) {
        self.repairs = repairs;
        self.failures = failures;
    }

    /// Whether nothing keeps anything from working.
    pub(super) fn is_healthy(&self) -> bool {
        self.errors().next().is_none()
    }

    /// What keeps something from working.
    pub(super) fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings().chain(&self.failures).filter(|finding| finding.is_error())
    }

    /// The report as it is said.
    pub(super) fn answer(&self, only_failed: bool) -> Answer {
        Answer {
            text: self.write(only_failed),
            data: self.describe(only_failed),
            warnings: self.failures.clone(),
        }
    }

    fn write(&self, only_failed: bool) -> String {
        let mut text = String::new();
        let mut section = None;
        for checked in &self.checks {
            let grade = checked.grade();
            if only_failed && grade <= Grade::Skipped {
                continue;
            }
            if section.replace(checked.check.section) != Some(checked.check.section) {
                let _ = writeln!(text, "{}", checked.check.section.title());
            }
            let check = checked.check;
            let _ = writeln!(text, "  {} {:<22} {}", grade.mark(), check.id, check.description);
            // Plugins are told one by one.
            if check.id == "plugins.verdicts" {
                self.write_plugins(&mut text, only_failed);
            } else {
                write_findings(&mut text, checked.found.as_deref().unwrap_or_default());
            }
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    fn write_plugins(&self, text: &mut String, only_failed: bool) {
        for plugin in &self.plugins {
            let grade = Grade::of(&plugin.found);
            if only_failed && grade == Grade::Ok {
                continue;
            }
            let (mark, status) = (grade.mark(), plugin.status.name());
            let name = format!("{} {}", plugin.id, plugin.version);
            let reason = harmless(&plugin.reason);
            let _ = writeln!(
                text,
                "      {mark} {name:<22} {status}, {} ({}; {reason})",
                plugin.signal.name(),
                plugin.origin
            );
            write_findings(text, &plugin.found);
        }
    }

    fn summary(&self) -> String {
        let count = |grade| self.checks.iter().filter(|checked| checked.grade() == grade).count();
        format!(
            "{} ok, {} with warnings, {} failed, {} skipped",
            count(Grade::Ok),
            count(Grade::Warning),
            count(Grade::Failed),
            count(Grade::Skipped)
        )
    }

    fn describe(&self, only_failed: bool) -> Value {
        let checks = self.checks.iter();
        let checks = checks.filter(|checked| !only_failed || checked.grade() > Grade::Skipped);
        let plugins = self.plugins.iter();
        let plugins = plugins.filter(|plugin| !only_failed || !plugin.found.is_empty());
        json!({
            "healthy": self.is_healthy(),
            "checks": checks.map(Checked::describe).collect::<Vec<_>>(),
            "plugins": plugins.map(Diagnosed::describe).collect::<Vec<_>>(),
            "repairs": self.repairs,
        })
    }
}

/// One line for each finding: code, place, what was found and wanted, what mends it.
fn write_findings(text: &mut String, findings: &[Finding]) {
    for finding in findings {
        let place = finding.place.as_ref().map(|place| format!(" {place}:")).unwrap_or_default();
        let hint = finding.hint.as_ref().map(|hint| format!("  =>  {hint}")).unwrap_or_default();
        let line = format!("{}{place} {}{hint}", finding.code, finding.message);
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "        {}", harmless(&line));
    }
}

fn is_about(finding: &Finding, plugin: Option<&str>, section: Section) -> bool {
    let Some(id) = plugin else { return true };
    section == Section::Configuration || finding.plugin.as_deref() == Some(id)
}

impl Checked {
    fn grade(&self) -> Grade {
        self.found.as_deref().map_or(Grade::Skipped, Grade::of)
    }

    fn describe(&self) -> Value {
        json!({
            "id": self.check.id,
            "section": self.check.section,
            "description": self.check.description,
            "looks_at": self.check.looks_at,
            "grade": self.grade(),
            "findings": self.found.as_deref().unwrap_or_default(),
        })
    }
}

impl Diagnosed {
    fn of(survey: &Survey, plugin: &Surveyed) -> Self {
        let spec = plugin.candidate.spec();
        let Signals { signal, shape, .. } = Signals::of(survey, plugin);
        Self {
            id: spec.id.clone(),
            version: spec.version.to_string(),
            origin: plugin.candidate.origin().to_string(),
            status: Status::of(plugin),
            signal,
            shape,
            reason: plugin.decision.reason.clone(),
            found: plugins::of(survey, plugin),
        }
    }

    fn describe(&self) -> Value {
        json!({
            "id": self.id,
            "version": self.version,
            "origin": self.origin,
            "status": self.status,
            "signal": self.signal,
            "shape": self.shape,
            "reason": self.reason,
            "findings": self.found,
        })
    }
}

//! `loader plugins test`: a built plugin is asked for everything its contracts promise, in a child.

mod child;
mod supervision;
mod words;

pub(in crate::commands) use self::child::child;

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::{Duration, Instant};

use loader_core::diagnostic::Diagnostic;
use loader_testkit::suite::{self, Event, Options, Report};
use loader_testkit::{junit, subject};
use serde_json::{Value, json};

use crate::args::{self, Test};
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Outcome, Output, Refusal};

/// Work that is over sooner is not worth a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tests the plugin at a path.
pub(super) fn test(wanted: &Test, output: &Output) -> CommandResult {
    let options = Options {
        config: wanted.plugin_config.as_deref().map(configuration).transpose()?,
        secrets: wanted.secrets.iter().cloned().collect(),
        only: wanted.only.clone(),
        patience: Duration::from_secs(wanted.timeout),
        commands: args::own().clone(),
        ..Options::default()
    };
    let subject = subject::find(&wanted.path).map_err(refusal)?;
    suite::require_contract(&subject, &options).map_err(refusal)?;
    let mut progress = Progress::new(output);
    let report = supervision::run(&subject.folder, &options, &mut |event| progress.tell(event))?;
    if let Some(file) = &wanted.junit {
        fs::write(file, junit::write(&report)).map_err(|error| {
            Finding::error("LDR-TEST-JUNIT", format!("the report cannot be written: {error}"))
                .at(file)
                .hint("name a file in a folder that is there and can be written to")
        })?;
    }
    let mut findings: Vec<Finding> = subject.warnings.into_iter().map(Finding::from).collect();
    let verdict = verdict(&report, &wanted.path);
    let keeps_all = verdict.is_none();
    findings.extend(verdict);
    let plugins = subject.candidates.iter().map(|candidate| {
        let spec = candidate.spec();
        json!({ "id": spec.id, "version": spec.version.to_string() })
    });
    let answer = Answer {
        text: words::write(&report),
        data: json!({
            "path": report.path,
            "plugins": plugins.collect::<Vec<_>>(),
            "counts": report.counts(),
            "cases": report.cases,
        }),
        warnings: findings,
    };
    Ok(if keeps_all { answer.into() } else { Outcome::Objected(answer) })
}

/// What is said where something is broken, or nothing could be asked.
fn verdict(report: &Report, path: &Path) -> Option<Finding> {
    let counts = report.counts();
    if counts.passed == 0 && counts.failed == 0 {
        let why = report.cases.first().map_or("it promises nothing", |case| &case.message);
        let finding =
            Finding::error("LDR-TEST-NOTHING", format!("no promise could be asked: {why}"));
        let hint = "mend what keeps it; without --only, all that it promises is asked";
        return Some(finding.at(&report.path).hint(hint));
    }
    let names: Vec<String> = report.failures().map(|case| words::name(&case.under)).collect();
    let broken = match names.len() {
        0 => return None,
        1 => "a promise is broken".to_owned(),
        count => format!("{count} promises are broken"),
    };
    let path = crate::shell::word(path);
    Some(
        Finding::error("LDR-TEST-BROKEN", format!("{broken}: {}", names.join(", ")))
            .at(&report.path)
            .hint(format!("change what each of them says, build, and: loader plugins test {path}")),
    )
}

/// What cannot be tested: there is no such plugin, no library, no such contract.
fn refusal(diagnostic: Diagnostic) -> Refusal {
    let exit = match diagnostic.code {
        "LDR-TEST-PATH" | "LDR-TEST-LIBRARY" | "LDR-TEST-ONLY" => Exit::NotFound,
        _ => Exit::Failure,
    };
    Refusal::new(exit, diagnostic)
}

/// The configuration: an object, or a file that has one.
fn configuration(said: &str) -> Result<Value, Refusal> {
    let refuse = |message: String| {
        let finding = Finding::error("LDR-TEST-CONFIG", message).hint(
            "write an object, --plugin-config '{\"key\": 1}', or the name of a JSON or TOML file",
        );
        Refusal::new(Exit::Configuration, finding)
    };
    let is_file = !said.trim_start().starts_with('{');
    let text = match is_file {
        true => fs::read_to_string(said)
            .map_err(|error| refuse(format!("the configuration {said} cannot be read: {error}")))?,
        false => said.to_owned(),
    };
    let value: Value = match said.ends_with(".toml") {
        true => toml::from_str(&text).map_err(|error| refuse(format!("{said}: {error}")))?,
        false => serde_json::from_str(&text)
            .map_err(|error| refuse(format!("the configuration is not JSON: {error}")))?,
    };
    match value.is_object() {
        true => Ok(value),
        false => Err(refuse("the configuration is not an object".to_owned())),
    }
}

/// What is asked now, for a person who waits.
struct Progress<'a> {
    output: &'a Output,
    since: Instant,
    group: String,
    is_wanted: bool,
}

impl<'a> Progress<'a> {
    fn new(output: &'a Output) -> Self {
        let is_wanted = !output.is_json() && io::stderr().is_terminal();
        Self { output, since: Instant::now(), group: String::new(), is_wanted }
    }

    fn tell(&mut self, event: &Event) {
        let Event::Began(under) = event else { return };
        let group = words::group(under);
        if self.is_wanted && self.since.elapsed() >= PATIENCE && group != self.group {
            self.output.note(&format!("asking {group} …\n"));
            self.group = group;
        }
    }
}

//! `loader plugins audit`: what libraries need of the machine and would bring into the process.

use std::collections::BTreeSet;
use std::path::Path;

use loader_core::audit::{self, Audit, Installed, Relro, Subject};
use loader_core::discovery::Candidate;
use loader_core::manifest::Platform;
use serde_json::{Value, json};

use super::unknown::not_found;
use crate::commands::library;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Outcome, Refusal, harmless};

/// Audits one library, one plugin's, or all of them. Fails when something keeps one from working.
pub(in crate::commands) fn audit(context: &Context, subject: Option<&str>) -> CommandResult {
    let installed = Installed::here();
    let mut audits = Vec::new();
    let mut findings = context.warnings();
    match subject {
        Some(file) if file.contains(['.', '/']) && Path::new(file).is_file() => {
            let subject = Subject { path: Path::new(file), plugin: None };
            let bytes = library::read(subject.path)?;
            audits.push(Audited::of(None, subject, &bytes, &installed)?);
        }
        subject => {
            let survey = loader_gateway::survey(&context.gateway_settings(None));
            let plugins = survey.plugins.iter().map(|plugin| &plugin.candidate);
            // A bundle has no library. One that was named is told so.
            let is_meant = |one: &&Candidate| match subject {
                Some(id) => one.id() == id,
                None => one.bundle().is_none(),
            };
            let meant: Vec<&Candidate> = plugins.filter(is_meant).collect();
            if let (true, Some(id)) = (meant.is_empty(), subject) {
                return Err(not_found(context, &survey, id));
            }
            for candidate in meant {
                match audit_plugin(candidate, &installed) {
                    Ok(audited) => audits.push(audited),
                    Err(refusal) => findings.extend(refusal.errors),
                }
            }
        }
    }
    findings.extend(audits.iter().flat_map(|audited| audited.findings()));
    let is_objectionable = findings.iter().any(Finding::is_error);
    let answer = Answer {
        text: audits.iter().map(Audited::write).collect::<Vec<_>>().join("\n"),
        data: json!({ "libraries": audits.iter().map(Audited::describe).collect::<Vec<_>>() }),
        warnings: findings,
    };
    Ok(if is_objectionable { Outcome::Objected(answer) } else { answer.into() })
}

/// The first few names; JSON has all of them.
fn some(names: &BTreeSet<String>) -> String {
    const MOST: usize = 8;
    let first: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
    let more = names.len().checked_sub(MOST).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    format!("{}{more}", first.join(", "))
}

fn audit_plugin(candidate: &Candidate, installed: &Installed) -> Result<Audited, Refusal> {
    let spec = candidate.spec();
    let library = Platform::current().zip(spec.content.library());
    let library = library.and_then(|(platform, library)| library.file_for(platform));
    let library = library.ok_or_else(|| {
        let message = match candidate.bundle() {
            None => "its manifest names no library for this platform",
            Some(_) => "it is a bundle: it has no library",
        };
        let finding = Finding::error("LDR-LIBRARY-FILE", message).at(candidate.manifest_path());
        Refusal::new(Exit::Failure, finding.hint("name the file itself: loader plugins audit FILE"))
    })?;
    let path = candidate.folder().join(library.as_str());
    let bytes = library::read(&path)?;
    let subject = Subject { path: &path, plugin: Some(spec) };
    Audited::of(Some(candidate.id()), subject, &bytes, installed)
}

/// One library and what was found of it.
struct Audited {
    plugin: Option<String>,
    path: String,
    audit: Audit,
}

impl Audited {
    fn of(
        plugin: Option<&str>,
        subject: Subject<'_>,
        bytes: &[u8],
        installed: &Installed,
    ) -> Result<Self, Refusal> {
        let audit = audit::audit(subject, bytes, installed).map_err(Finding::from)?;
        let path = subject.path.display().to_string();
        Ok(Self { plugin: plugin.map(str::to_owned), path, audit })
    }

    fn findings(&self) -> impl Iterator<Item = Finding> {
        self.audit.findings.iter().cloned().map(Finding::from)
    }

    fn describe(&self) -> Value {
        let mut described = json!(self.audit);
        described["plugin"] = json!(self.plugin);
        described["path"] = json!(self.path);
        described["findings"] = json!(self.findings().collect::<Vec<_>>());
        described
    }

    fn write(&self) -> String {
        let audit = &self.audit;
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            if !value.is_empty() {
                text.push_str(&format!("{name:<12} {}\n", harmless(&value)));
            }
        };
        line("plugin", self.plugin.clone().unwrap_or_default());
        line("library", format!("{} ({} for {})", self.path, audit.format, audit.architecture));
        let symbols = if audit.stripped { "stripped" } else { "with symbols" };
        line("size", format!("{} KiB, {symbols}", audit.bytes.div_ceil(1024)));
        if let Some(facts) = &audit.facts {
            let built = [&facts.rustc, &facts.sdk, &facts.target].map(String::as_str);
            line("built with", format!("{}; panic = {}", built.join("; "), facts.panic));
        }
        for needed in &audit.needed {
            let place = needed.path.as_ref().map(|path| path.display().to_string());
            let place = place.unwrap_or_else(|| "not found here".to_owned());
            line("needs", format!("{} ({place})", needed.name));
        }
        if let Some(libc) = &audit.libc {
            let here = libc.here.as_deref().unwrap_or("unknown");
            line(
                "glibc",
                format!("{} or newer (for {}); here {here}", libc.needs, some(&libc.symbols)),
            );
        }
        if let Some(elf) = &audit.elf {
            let segments = elf.segments.iter();
            let segments =
                segments.map(|one| format!("{} {} KiB", one.access, one.bytes.div_ceil(1024)));
            line("memory", segments.collect::<Vec<_>>().join(", "));
            let relro = match elf.relro {
                Relro::Full => "all tables read-only once open",
                Relro::Partial => "tables partly read-only once open",
                Relro::None => "tables stay writable",
            };
            let stack = match elf.executable_stack {
                Some(false) => "plain stack",
                Some(true) | None => "executable stack",
            };
            let static_tls = if elf.static_tls { ", static thread-local storage" } else { "" };
            line("protection", format!("{stack}, {relro}{static_tls}"));
            line("run paths", elf.run_paths.join(", "));
            line(
                "at opening",
                format!(
                    "{} constructors, {} functions chosen by code",
                    elf.constructors, elf.indirect_functions
                ),
            );
        }
        line("exports", some(&audit.exports));
        for (family, functions) in &audit.imports {
            line("calls", format!("{}: {}", family.meaning(), some(functions)));
        }
        text
    }
}

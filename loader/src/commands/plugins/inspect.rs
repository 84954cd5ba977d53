//! `loader plugins inspect`: everything about one plugin that can be known without running it.

use loader_contract::{catalogue, hook};
use loader_core::diagnostic::Diagnostic;
use loader_core::manifest::Provided;
use loader_core::moment;
use loader_core::skill::Skill;
use loader_core::trust::{ProbeRecord, Records};
use loader_core::vetting::{Passed, Vetted};
use loader_core::{Survey, Surveyed};
use loader_gateway::{Settings, Shape, Signal, Signals};
use serde_json::{Value, json};

use super::unknown::not_found;
use super::{Status, provides};
use crate::commands::gateway::Running;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, harmless};
use crate::secrets::Whereabouts;
use crate::settings::Origin;

/// Shows one plugin.
pub(in crate::commands) fn inspect(context: &Context, id: &str) -> CommandResult {
    let settings = context.gateway_settings(None);
    let survey = loader_gateway::survey(&settings);
    let Some(plugin) = survey.plugins.iter().find(|plugin| plugin.candidate.id() == id) else {
        return Err(not_found(context, &survey, id));
    };
    let candidate = &plugin.candidate;
    let about = |finding: &&Diagnostic| finding.plugin.as_deref() == Some(id);
    let said = survey.diagnostics.iter().filter(about).cloned();
    let Signals { signal, shape, findings } = Signals::of(&survey, plugin);
    let findings: Vec<_> = said.chain(findings).map(Finding::from).collect();
    let capabilities = capabilities(&survey, plugin);
    let running = Running::find(context).and_then(|gateway| gateway.ask("/admin/status")).ok();
    let record = running.as_ref().and_then(|status| record_of(status, id));
    let passed = plugin.verdict.as_ref().ok();
    let vetted = passed.and_then(Passed::plugin);
    let bundle = passed.and_then(Passed::bundle);
    let probed = vetted.and_then(|vetted| probed(&settings, vetted));
    Ok(Answer {
        text: write(
            plugin,
            (signal, shape),
            (&capabilities, &secrets(context, plugin)),
            probed.as_ref(),
            decided_at(context, plugin),
        ),
        data: json!({
            "id": id,
            "kind": candidate.spec().content.kind(),
            "status": Status::of(plugin),
            "signal": signal,
            "shape": shape,
            "declared": provides(&candidate.spec().provides),
            // What the gateway that runs with this state folder saw it register, if it opened it.
            "registered": record.map(|record| &record["registered"]),
            "capabilities": capabilities,
            "hooks": hooks(&survey, id),
            "secrets": secrets(context, plugin),
            "decision": plugin.decision,
            "decided_at": decided_at(context, plugin),
            "origin": candidate.origin(),
            "folder": candidate.folder(),
            "manifest_path": candidate.manifest_path(),
            "manifest_digest": candidate.manifest_digest(),
            "manifest": candidate.manifest(),
            "plugin": candidate.spec(),
            "library": vetted.map(|vetted| json!({
                "path": vetted.path(),
                "digest": vetted.digest(),
                "bytes": vetted.size(),
                "facts": vetted.facts(),
                "probed": probed,
            })),
            "bundle": bundle.map(|bundle| json!({
                "digest": bundle.digest(),
                "skills": bundle.skills(),
            })),
            "diagnostics": findings,
        }),
        warnings: [context.warnings(), findings].concat(),
    }
    .into())
}

/// What it declares, and who would have each of it.
fn capabilities(survey: &Survey, plugin: &Surveyed) -> Vec<Value> {
    let described = plugin.candidate.spec().provides.iter().map(|provided| {
        let contract = provided.contract.to_string();
        let known = catalogue::find(&contract);
        json!({
            "contract": contract,
            "id": provided.id,
            "owner": survey.owners.get(&(contract.clone(), provided.id.clone())),
            "stability": known.map(|known| known.stability.name()),
            "attributes": provided.attributes,
        })
    });
    let mut described: Vec<Value> = described.collect();
    described.sort_by_key(|one| (one["contract"].to_string(), one["id"].to_string()));
    described
}

/// The secrets it uses, and where each is found; never what one is.
fn secrets(context: &Context, plugin: &Surveyed) -> Vec<Value> {
    let declared = plugin.candidate.spec().secrets.iter();
    let described = declared.map(|(name, usual)| {
        let place = match context.whereabouts(name, Some(usual)) {
            Whereabouts::Configured => Some(format!("[secrets.\"{name}\"]")),
            Whereabouts::Variable(variable) => Some(format!("${variable}")),
            Whereabouts::Unknown => None,
        };
        json!({ "name": name, "about": usual.about, "env": usual.env, "place": place })
    });
    described.collect()
}

fn secret_in_words(secret: &Value) -> String {
    let text = |key: &str| secret[key].as_str();
    let name = text("name").unwrap_or_default();
    let about = text("about").map(|about| format!("; {about}")).unwrap_or_default();
    match text("place") {
        Some(place) => format!("{name} (in {place}{about})"),
        None => format!("{name} (nowhere yet{about})"),
    }
}

fn in_words(capability: &Value, plugin: &str) -> String {
    let text = |key: &str| capability[key].as_str().unwrap_or_default();
    let named = format!("{}:{}", text("contract"), text("id"));
    match capability["owner"].as_str() {
        Some(owner) if owner != plugin => format!("{named} (`{owner}` has it)"),
        _ => named,
    }
}

/// Its hooks, each with its place among all hooks of the same event that are called.
fn hooks(survey: &Survey, id: &str) -> Vec<Value> {
    let served = survey.plugins.iter().filter(|one| one.decision.enabled && one.verdict.is_ok());
    let of = |plugin: &'_ Surveyed| {
        let spec = plugin.candidate.spec();
        let hooks = spec.provides.iter().filter(|one| one.contract.to_string() == hook::CONTRACT);
        let called = hooks.filter(|one| {
            let owner = survey.owners.get(&(hook::CONTRACT.to_owned(), one.id.clone()));
            owner == Some(&spec.id) && is_called(one)
        });
        called.map(|one| (spec.id.clone(), one.clone())).collect::<Vec<_>>()
    };
    let mut all: Vec<(String, Provided)> = served.flat_map(of).collect();
    let on = |one: &Provided| one.attributes.get("on").cloned().unwrap_or_default();
    let priority = |one: &Provided| one.attributes.get("priority").and_then(Value::as_i64);
    // They are loaded in the order of their ids.
    all.sort_by_key(|(plugin, one)| {
        (std::cmp::Reverse(priority(one).unwrap_or_default()), plugin.clone(), one.id.clone())
    });
    let own = all.iter().enumerate().filter(|(_, (plugin, _))| plugin == id);
    let described = own.map(|(place, (_, one))| {
        let before = all[..place].iter().filter(|(_, other)| on(other) == on(one)).count();
        json!({
            "id": one.id,
            "on": on(one),
            "priority": priority(one).unwrap_or_default(),
            "place": before + 1,
        })
    });
    described.collect()
}

/// Whether the gateway knows the words that say when it is called and what becomes of its failures.
fn is_called(hook: &Provided) -> bool {
    let text = |key| hook.attributes.get(key).and_then(Value::as_str);
    text("on").is_some_and(|on| hook::event::ALL.contains(&on))
        && matches!(text("on_failure"), None | Some("open" | "closed"))
}

/// What the gateway that runs says of it.
fn record_of<'a>(status: &'a Value, id: &str) -> Option<&'a Value> {
    status["plugins"].as_array()?.iter().find(|one| one["id"] == id)
}

/// That the library opened when this host tried it; `None` if it is yet to be tried.
fn probed(settings: &Settings, vetted: &Vetted) -> Option<ProbeRecord> {
    let record = Records::of(&settings.state_dir).probed(vetted.digest())?;
    let probe = settings.probe.as_ref()?;
    (record.host_build == probe.host_build).then_some(record)
}

/// The file and line, the variable or the flag with the setting that switched a plugin on or off.
fn decided_at<'a>(context: &'a Context, plugin: &Surveyed) -> Option<&'a Origin> {
    let setting = plugin.decision.setting.as_deref()?;
    // A list or a table is known by what is in it.
    let of_member = || {
        let settings = context.resolved.settings.iter();
        let mut members = settings.filter(|(key, _)| key.starts_with(setting));
        members.next().map(|(_, setting)| &setting.origin)
    };
    context.resolved.origin(setting).or_else(of_member)
}

fn write(
    plugin: &Surveyed,
    (signal, shape): (Signal, Shape),
    (capabilities, secrets): (&[Value], &[Value]),
    probed: Option<&ProbeRecord>,
    decided_at: Option<&Origin>,
) -> String {
    let (candidate, spec) = (&plugin.candidate, plugin.candidate.spec());
    let manifest = candidate.manifest();
    let mut sheet = Sheet(String::new());
    sheet.line(spec.content.kind(), &format!("{} {}", spec.id, spec.version));
    sheet.line("name", if spec.name == spec.id { "" } else { &spec.name });
    sheet.line("description", spec.description.as_deref().unwrap_or_default());
    let status = Status::of(plugin).name();
    let decided = decided_at.map(|origin| format!("; {origin}")).unwrap_or_default();
    sheet.line("status", &format!("{status} ({}{decided})", plugin.decision.reason));
    sheet.line("signal", signal.name());
    sheet.line("shape", if spec.content.library().is_some() { shape.name() } else { "" });
    for (number, capability) in capabilities.iter().enumerate() {
        sheet.line(if number == 0 { "provides" } else { "" }, &in_words(capability, &spec.id));
    }
    let services = spec.requires.services.iter().map(ToString::to_string);
    let contracts = spec.requires.contracts.iter().map(ToString::to_string);
    sheet.line("requires", &services.chain(contracts).collect::<Vec<_>>().join(", "));
    for (number, secret) in secrets.iter().enumerate() {
        sheet.line(if number == 0 { "secrets" } else { "" }, &secret_in_words(secret));
    }
    sheet.line("authors", &manifest.authors.join(", "));
    sheet.line("licence", manifest.licence.as_deref().unwrap_or_default());
    sheet.line("homepage", manifest.homepage.as_deref().unwrap_or_default());
    sheet.line("origin", &candidate.origin().to_string());
    sheet.line("manifest", &candidate.manifest_path().display().to_string());
    sheet.line("interface", &spec.abi.map(|abi| abi.to_string()).unwrap_or_default());
    match &plugin.verdict {
        Ok(Passed::Plugin(vetted)) => {
            sheet.library(vetted);
            let tried = probed.map(|tried| format!("opened on {}", moment::in_words(tried.since)));
            sheet.line("trial", tried.as_deref().unwrap_or("not yet"));
        }
        Ok(Passed::Bundle(bundle)) => {
            sheet.line("digest", &format!("sha256 {} (of the manifest)", bundle.digest()));
            bundle.skills().iter().for_each(|skill| sheet.skill(skill));
        }
        Err(_) => {}
    }
    sheet.0
}

/// Lines of a name and a value.
struct Sheet(String);

impl Sheet {
    /// Adds a line, unless there is nothing to say.
    fn line(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.push_str(&format!("{name:<12} {}\n", harmless(value)));
        }
    }

    fn skill(&mut self, skill: &Skill) {
        let title = skill.title.as_ref().map(|title| format!("{title}: "));
        self.line("skill", &format!("{}{}", title.unwrap_or_default(), skill.path));
        self.line("", skill.description.as_deref().unwrap_or_default());
    }

    fn library(&mut self, vetted: &Vetted) {
        let facts = vetted.facts();
        let path = vetted.path().display();
        self.line("library", &format!("{path} ({} KiB)", vetted.size().div_ceil(1024)));
        self.line("digest", &format!("sha256 {}", vetted.digest()));
        self.line("built with", &facts.sdk);
        self.line("compiler", &facts.rustc);
        self.line("target", &facts.target);
        self.line("on panic", &facts.panic);
    }
}

//! `loader plugins list`: every plugin that is found and whether it would be loaded.

use loader_core::discovery::Root;
use loader_core::manifest::{Content, PluginSpec};
use loader_core::{Survey, Surveyed};
use loader_gateway::Signals;
use serde_json::{Value, json};

use super::super::of_plugins::Offer;
use super::{Status, provides};
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Output, table};
use crate::shell;

/// Lists the plugins, in the order of their ids.
pub(in crate::commands) fn list(context: &Context, output: &Output) -> CommandResult {
    let settings = context.gateway_settings(None);
    let survey = loader_gateway::survey(&settings);
    let mut warnings = context.warnings();
    warnings.extend(survey.diagnostics.iter().cloned().map(Finding::from));
    if survey.plugins.is_empty() {
        warnings.push(nothing_found(&settings.roots));
    }
    let switched_on = survey.plugins.iter().filter(|plugin| plugin.decision.enabled);
    warnings.extend(Offer::of(switched_on.map(|plugin| &plugin.candidate)).warnings);
    let is_refused =
        |plugin: &&Surveyed| matches!(Status::of(plugin), Status::Refused | Status::Quarantined);
    let refusals = survey.plugins.iter().filter(is_refused);
    let refusals = refusals.flat_map(|plugin| plugin.verdict.as_ref().err().into_iter().flatten());
    let told = refusals.chain(&survey.conflicts).cloned().map(Finding::from);
    let told: Vec<Finding> = told.collect();
    let mut data = json!({ "index": survey.index });
    // Put in place rather than copied into it.
    data["plugins"] = survey.plugins.iter().map(|plugin| describe(&survey, plugin)).collect();
    let text = if output.is_json() { String::new() } else { write(&survey.plugins) };
    Ok(Answer { text, data, warnings: [warnings, told].concat() }.into())
}

fn write(plugins: &[Surveyed]) -> String {
    if plugins.is_empty() {
        return String::new();
    }
    let row = |plugin: &Surveyed| {
        let spec = plugin.candidate.spec();
        [
            spec.id.clone(),
            spec.version.to_string(),
            Status::of(plugin).name().to_owned(),
            spec.content.kind().to_owned(),
            brings(spec),
            plugin.candidate.origin().to_string(),
        ]
    };
    let rows: Vec<_> = plugins.iter().map(row).collect();
    table(["ID", "VERSION", "STATUS", "KIND", "PROVIDES", "ORIGIN"], &rows)
}

/// What a plugin registers, or how many skills a bundle has.
fn brings(spec: &PluginSpec) -> String {
    match &spec.content {
        Content::Library(_) => provides(&spec.provides).join(", "),
        Content::Bundle(bundle) if bundle.skills.len() == 1 => "1 skill".to_owned(),
        Content::Bundle(bundle) => format!("{} skills", bundle.skills.len()),
    }
}

fn describe(survey: &Survey, plugin: &Surveyed) -> Value {
    let Signals { signal, shape, findings } = Signals::of(survey, plugin);
    let (candidate, spec) = (&plugin.candidate, plugin.candidate.spec());
    json!({
        "id": spec.id,
        "kind": spec.content.kind(),
        "version": spec.version,
        "name": spec.name,
        "description": spec.description,
        "status": Status::of(plugin),
        "signal": signal,
        "shape": shape,
        "reason": plugin.decision.reason,
        "provides": provides(&spec.provides),
        "skills": candidate.bundle().map(|bundle| bundle.skills.as_slice()).unwrap_or_default(),
        "origin": candidate.origin(),
        "folder": candidate.folder(),
        "diagnostics": findings.into_iter().map(Finding::from).collect::<Vec<_>>(),
    })
}

/// No plugin is anywhere.
pub(in crate::commands) fn nothing_found(roots: &[Root]) -> Finding {
    let folders: Vec<_> = roots.iter().map(|root| shell::word(&root.path)).collect();
    let message = match folders.as_slice() {
        [] => "no plugin was found: there is no folder to look in".to_owned(),
        folders => format!("no plugin was found in {}", folders.join(", ")),
    };
    Finding::warning("LDR-PLUGINS-NONE", message)
        .hint("name the folder they are in with `--plugins-dir DIR`")
}

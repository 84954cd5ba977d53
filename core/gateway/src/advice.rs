//! What the contracts have to say of a plugin, by its manifest alone: capabilities whose attributes
//! make no sense, and patterns that are old. What the engine says of files comes from elsewhere.

use crate::shape::Shape;
use loader_contract::{
    catalogue::{self, Contract},
    hook,
    objection::objections,
};
use loader_core::{
    diagnostic::Diagnostic,
    discovery::Candidate,
    manifest::{PluginSpec, Provided},
    nearest::nearest,
};
use serde_json::Value;

/// Everything the contracts have to say of a plugin. An error among it keeps it from being loaded.
pub(crate) fn advise(candidate: &Candidate) -> Vec<Diagnostic> {
    let found = findings(candidate.spec()).into_iter();
    found.map(|one| one.at(candidate.manifest_path()).about(candidate.id())).collect()
}

fn findings(spec: &PluginSpec) -> Vec<Diagnostic> {
    let mut findings: Vec<_> = spec.provides.iter().flat_map(of_capability).collect();
    findings.extend(legacy_hooks(spec));
    if Shape::of(spec) == Shape::HookOnly {
        let message = "it has hooks and nothing else: it still works, and is harder to see through \
                       than a plugin that provides a capability";
        let hint = "see docs/guides/hooks.md: a capability says what a hook only does";
        findings.push(Diagnostic::warning("LDR-SHAPE-HOOK-ONLY", message).hint(hint));
    }
    findings
}

fn of_capability(provided: &Provided) -> Vec<Diagnostic> {
    let Some(contract) = catalogue::find(&provided.contract.to_string()) else {
        return Vec::new();
    };
    let Provided { id, attributes, .. } = provided;
    let wrong = objections(contract, id, attributes).into_iter().map(Diagnostic::from);
    let unknown =
        attributes.keys().filter(|key| !contract.attributes.iter().any(|one| one.name == **key));
    wrong.chain(unknown.filter_map(|key| misspelt(provided, contract, key))).collect()
}

/// A key nobody knows is left to later versions, unless it looks like one that was meant.
fn misspelt(provided: &Provided, contract: &Contract, key: &str) -> Option<Diagnostic> {
    let general = ["aliases", "order"];
    if general.contains(&key) || key.contains(|letter: char| letter.is_ascii_uppercase()) {
        return None;
    }
    let known = contract.attributes.iter().map(|one| one.name).chain(general);
    let meant = nearest(key, known)?;
    let message =
        format!("`{}` as `{}` says `{key}`, which nobody reads", contract.name, provided.id);
    let finding = Diagnostic::warning("LDR-CONTRACT-ATTRIBUTE", message);
    Some(finding.hint(format!("did you mean `{meant}`?")))
}

fn legacy_hooks(spec: &PluginSpec) -> Option<Diagnostic> {
    let is_legacy = |provided: &&Provided| {
        provided.contract.to_string() == hook::CONTRACT
            && provided.attributes.get("on").and_then(Value::as_str)
                == Some(hook::event::BEFORE_AGENT_START)
    };
    let provided = spec.provides.iter().find(is_legacy)?;
    let message = format!(
        "its hook `{}` is on `before_agent_start`, which is kept for old plugins",
        provided.id
    );
    let hint = "choose the model on `before_model_resolve` and add to the prompt on \
                `before_prompt_build`: docs/guides/hooks.md";
    Some(Diagnostic::warning("LDR-LEGACY-HOOK", message).hint(hint))
}

#[cfg(test)]
mod tests;

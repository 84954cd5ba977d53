//! What the contracts have to say of a plugin, by its manifest alone: capabilities whose attributes
//! make no sense, and patterns that are old. What the engine says of files comes from elsewhere.

use crate::{routes, shape::Shape};
use loader_contract::{
    catalogue::{self, Attribute, Contract},
    hook, http_route,
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
    let name = provided.contract.to_string();
    let Some(contract) = catalogue::find(&name) else { return Vec::new() };
    let known = contract.attributes;
    let missing = known.iter().filter(|one| one.required && !has(provided, one.name));
    let missing = missing.map(|one| {
        let message = format!("`{name}` as `{}` has no `{}`", provided.id, one.name);
        Diagnostic::error("LDR-CONTRACT-ATTRIBUTE", message)
            .hint(format!("add it to its table in [provides]: {}", one.about))
    });
    let said = provided.attributes.iter().filter_map(|(key, value)| {
        match known.iter().find(|one| one.name == key) {
            Some(attribute) => wrong_form(provided, attribute, value),
            None => misspelt(provided, contract, key),
        }
    });
    missing
        .chain(said)
        .chain(unknown_methods(provided, contract))
        .chain(unreachable(provided))
        .collect()
}

fn has(provided: &Provided, attribute: &str) -> bool {
    provided.attributes.contains_key(attribute)
}

fn wrong_form(provided: &Provided, attribute: &Attribute, value: &Value) -> Option<Diagnostic> {
    if attribute.form.fits(value) {
        return None;
    }
    let message = format!(
        "`{}` of `{}` as `{}` is {value}, not {}",
        attribute.name,
        provided.contract,
        provided.id,
        attribute.form.in_words()
    );
    let finding = match attribute.form.may_fit_later(value) {
        true => Diagnostic::warning("LDR-CONTRACT-ATTRIBUTE", message),
        false => Diagnostic::error("LDR-CONTRACT-ATTRIBUTE", message),
    };
    Some(finding.hint(attribute.about))
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

/// A route that no request could come to.
fn unreachable(provided: &Provided) -> Option<Diagnostic> {
    if provided.contract.to_string() != http_route::CONTRACT {
        return None;
    }
    let prefix = routes::prefix_of(&provided.id, &provided.attributes);
    let why = routes::check_prefix(&prefix).err()?;
    let message =
        format!("the route `{}` has a prefix that cannot be, {prefix:?}: {why}", provided.id);
    Some(Diagnostic::error("LDR-ROUTE-PREFIX", message).hint("write it like `/shop`"))
}

/// The attribute `methods` names optional methods of the contract.
fn unknown_methods(provided: &Provided, contract: &'static Contract) -> Vec<Diagnostic> {
    let listed = provided.attributes.get("methods").and_then(texts).unwrap_or_default();
    let optional: Vec<&str> = contract.optional_methods().collect();
    let unknown = listed.into_iter().filter(|name| !optional.contains(name));
    let told = unknown.map(|name| {
        let message = format!(
            "`methods` of `{}` as `{}` names `{}`, which is no optional method",
            contract.name,
            provided.id,
            name.escape_debug()
        );
        let hint = match optional.as_slice() {
            [] => "the contract has none: remove `methods`".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        };
        Diagnostic::error("LDR-CONTRACT-METHOD", message).hint(hint)
    });
    told.collect()
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
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

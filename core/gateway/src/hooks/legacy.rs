//! Who is to be told that there are better events than the one it has.

use loader_contract::hook::{CONTRACT, event};
use loader_core::{Snapshot, diagnostic::Diagnostic, discovery::Candidate};
use serde_json::{Map, Value};

/// What there is to say of a plugin's hooks, by its manifest alone.
pub fn legacy_hooks(candidate: &Candidate) -> Option<Diagnostic> {
    let provided = candidate.spec().provides.iter();
    let hooks = provided.filter(|one| one.contract.to_string() == CONTRACT);
    let finding = find(candidate.id(), hooks.map(|one| (one.id.as_str(), &one.attributes)))?;
    Some(finding.at(candidate.manifest_path()))
}

/// What there is to say of the hooks of every plugin that is served.
pub(super) fn of_snapshot(snapshot: &Snapshot) -> Vec<Diagnostic> {
    let findings = snapshot.plugins().filter_map(|record| {
        let hooks = snapshot.capabilities(CONTRACT).filter(|one| one.plugin == record.id);
        let finding = find(&record.id, hooks.map(|one| (one.id.as_str(), &one.attributes)))?;
        Some(finding.at(&record.folder))
    });
    findings.collect()
}

fn find<'a>(
    plugin: &str,
    hooks: impl Iterator<Item = (&'a str, &'a Map<String, Value>)>,
) -> Option<Diagnostic> {
    let mut hooks = hooks.filter(|(_, attributes)| {
        attributes.get("on").and_then(Value::as_str) == Some(event::BEFORE_AGENT_START)
    });
    let (hook, _) = hooks.next()?;
    let message = format!(
        "the hook `{hook}` is on `{}`, which is kept for plugins that were written before there was \
         anything better",
        event::BEFORE_AGENT_START
    );
    let hint = format!(
        "put what chooses the model on `{}` and what adds to the prompt on `{}`, each a hook of its own",
        event::BEFORE_MODEL_RESOLVE,
        event::BEFORE_PROMPT_BUILD
    );
    Some(Diagnostic::warning("LDR-HOOK-LEGACY", message).about(plugin).hint(hint))
}

//! What would be loaded, and why: the same steps as loading, without running any code.

use super::{Options, configuration};
use crate::{
    diagnostic::Diagnostic,
    discovery::{Candidate, discover},
    trust::Records,
    vetting::{Fresh, Policy, Vetted, vet_fresh},
};

/// Every plugin that was found, and what there is to say about the roots.
pub struct Survey {
    /// The plugins, by id.
    pub plugins: Vec<Surveyed>,
    /// What there is to say that concerns no single plugin.
    pub diagnostics: Vec<Diagnostic>,
}

/// One plugin that was found.
pub struct Surveyed {
    /// Where it is and what its manifest says.
    pub candidate: Candidate,
    /// Whether it is switched on, and by what.
    pub decision: Decision,
    /// Whether its files are fit.
    pub verdict: Result<Vetted, Vec<Diagnostic>>,
}

/// Whether a plugin is switched on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Decision {
    /// Whether it may be loaded.
    pub enabled: bool,
    /// The setting that decided.
    pub reason: String,
}

/// Surveys the roots. Blocking; runs no plugin code.
pub fn survey(options: &Options) -> Survey {
    let found = discover(&options.roots);
    let policy = policy(options);
    let plugins = found.candidates.into_iter().map(|candidate| {
        let decision = decide(options, candidate.id());
        let verdict = examine(options, &policy, &candidate).map(Fresh::into_vetted);
        Surveyed { candidate, decision, verdict }
    });
    Survey { plugins: plugins.collect(), diagnostics: found.diagnostics }
}

pub(super) fn policy(options: &Options) -> Policy {
    let mut policy = Policy::new(options.services.names());
    policy.trust.clone_from(&options.trust);
    policy.records = Some(Records::of(&options.state_dir));
    policy
}

/// Files first, then configuration: what is wrong with a file is the better advice.
pub(super) fn examine(
    options: &Options,
    policy: &Policy,
    candidate: &Candidate,
) -> Result<Fresh, Vec<Diagnostic>> {
    let fresh = vet_fresh(candidate, policy)?;
    let settings = options.plugins.get(candidate.id());
    let empty = serde_json::Value::Object(serde_json::Map::new());
    configuration::check(candidate, settings.map_or(&empty, |settings| &settings.config))?;
    Ok(fresh)
}

/// Decides whether a plugin is switched on.
pub(super) fn decide(options: &Options, id: &str) -> Decision {
    let enablement = &options.enablement;
    let decision = |enabled, reason: String| Decision { enabled, reason };
    if enablement.none {
        return decision(false, "plugins.enabled = false".into());
    }
    if enablement.deny.contains(id) {
        return decision(false, format!("plugins.deny names `{id}`"));
    }
    if !enablement.allow.is_empty() {
        return match enablement.allow.contains(id) {
            true => decision(true, format!("plugins.allow names `{id}`")),
            false => decision(false, format!("plugins.allow does not name `{id}`")),
        };
    }
    match options.plugins.get(id).and_then(|settings| settings.enabled) {
        Some(enabled) => decision(enabled, format!("plugins.entries.{id}.enabled = {enabled}")),
        None => decision(true, "on by default".into()),
    }
}

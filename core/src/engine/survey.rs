//! What would be loaded, and why: the same steps as loading, without running any code.

use super::{Decision, Options, configuration};
use crate::{
    diagnostic::Diagnostic,
    discovery::{Candidate, Discovery, Origin, discover_where},
    trust::Records,
    vetting::{Policy, Vetted, vet},
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

/// Surveys the roots. Blocking; runs no plugin code.
pub fn survey(options: &Options) -> Survey {
    let found = find(options);
    let policy = policy(options);
    let plugins = found.candidates.into_iter().map(|candidate| {
        let decision = options.enablement.decide(&candidate);
        let verdict = examine(options, &policy, &candidate);
        Surveyed { candidate, decision, verdict }
    });
    Survey { plugins: plugins.collect(), diagnostics: found.diagnostics }
}

/// Looks in the roots. A plugin of a workspace hides no other unless it is switched on.
pub(super) fn find(options: &Options) -> Discovery {
    discover_where(&options.roots, &|origin, id, slot| {
        origin != Origin::Workspace || options.enablement.decide_for(id, slot, origin).enabled
    })
}

/// What plugins must satisfy to be loaded with these options.
pub fn policy(options: &Options) -> Policy {
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
) -> Result<Vetted, Vec<Diagnostic>> {
    let vetted = vet(candidate, policy)?;
    let settings = options.plugins.get(candidate.id());
    let empty = serde_json::Value::Object(serde_json::Map::new());
    configuration::check(candidate, settings.map_or(&empty, |settings| &settings.config))?;
    Ok(vetted)
}

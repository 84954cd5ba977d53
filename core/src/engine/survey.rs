//! What would be loaded, and why: the same steps as loading, without running any code.

use super::{Decision, Options};
use crate::{
    configuration,
    diagnostic::Diagnostic,
    discovery::{Candidate, Discovery, Origin, discover_where},
    probe::{Probed, try_out},
    staging::Store,
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

/// Surveys the roots. Blocking; runs no plugin code.
pub fn survey(options: &Options) -> Survey {
    let found = find(options);
    let policy = policy(options);
    let plugins = found.candidates.into_iter().map(|candidate| {
        let decision = options.enablement.decide(&candidate);
        let verdict = examine(options, &policy, &candidate).map(Fresh::into_vetted);
        Surveyed { candidate, decision, verdict }
    });
    Survey { plugins: plugins.collect(), diagnostics: found.diagnostics }
}

/// Surveys the roots, and does with every plugin that is switched on what is done before it is opened:
/// copies it into the store and, if the options say how, tries it. What is an error here would be one
/// of the engine's, and the other way round. Blocking; runs plugin code in throw-away processes only.
pub fn rehearse(options: &Options, store: &Store) -> Survey {
    let mut survey = survey(options);
    let policy = policy(options);
    for (plugin, number) in survey.plugins.iter_mut().zip(1..) {
        if plugin.decision.enabled && plugin.verdict.is_ok() {
            let prepared = prepare(options, &policy, store, &plugin.candidate, number);
            plugin.verdict = prepared.map(|(vetted, _)| vetted);
        }
    }
    survey
}

/// Everything left of opening a library.
pub(super) fn prepare(
    options: &Options,
    policy: &Policy,
    store: &Store,
    candidate: &Candidate,
    number: u64,
) -> Result<(Vetted, Probed), Vec<Diagnostic>> {
    let fresh = examine(options, policy, candidate)?;
    let (probe, records) = (options.probe.as_ref(), policy.records.as_ref());
    let staged = store.stage(&fresh, number);
    let probed = staged.and_then(|staged| try_out(staged, probe, records));
    probed.map(|probed| (fresh.into_vetted(), probed)).map_err(|finding| vec![finding])
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
fn examine(
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

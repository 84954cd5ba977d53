//! What would be loaded, and why: the same steps as loading, without running any code.

use super::{Decision, Options};
use crate::{
    Contracts, configuration,
    diagnostic::Diagnostic,
    discovery::{Candidate, Discovery, Origin, Searched, Visit, Visited, discover_where, visit},
    manifest::Provided,
    probe::{Probed, try_out},
    registry::{self, Claimant},
    staging::Store,
    trust::Records,
    vetting::{
        Fresh, Known, Passed, Policy, State, Vetted, vet, vet_fresh, vet_known, vet_visited_bundle,
    },
};
use std::collections::BTreeMap;

/// Every plugin that was found, and what there is to say about the roots.
pub struct Survey {
    /// The plugins, by id.
    pub plugins: Vec<Surveyed>,
    /// Where they were looked for, in order, and what came of it.
    pub searched: Vec<Searched>,
    /// What there is to say that concerns no single plugin.
    pub diagnostics: Vec<Diagnostic>,
    /// What plugins that would be served claim and others keep, in the words of the
    /// [registry](crate::Snapshot::conflicts).
    pub conflicts: Vec<Diagnostic>,
    /// Who would have each capability, by contract and id.
    pub owners: BTreeMap<(String, String), String>,
    /// Whether what was found before counted; `None` when nobody asked for it.
    pub index: Option<State>,
}

/// One plugin that was found.
pub struct Surveyed {
    /// Where it is and what its manifest says.
    pub candidate: Candidate,
    /// Whether it is switched on, and by what.
    pub decision: Decision,
    /// Whether its files are fit.
    pub verdict: Result<Passed, Vec<Diagnostic>>,
}

/// Surveys the roots. Blocking; runs no plugin code. With the options' index, libraries that have not
/// changed since they were looked at are not read again.
pub fn survey(options: &Options) -> Survey {
    let known = options.index.as_ref().map(|host| {
        let libraries: Vec<&str> = options.trust.libraries.iter().map(String::as_str).collect();
        Known::open(&options.state_dir, &format!("{host}, trusting [{}]", libraries.join(", ")))
    });
    let mut survey = survey_with(options, known.as_ref());
    if let Some(known) = known {
        known.save();
    }
    survey.settle(options);
    survey
}

impl Survey {
    /// Adds what plugins that would be served claim and others keep.
    fn settle(&mut self, options: &Options) {
        let served = |one: &&Surveyed| one.decision.enabled && one.verdict.is_ok();
        let served = self.plugins.iter().filter(served).map(|one| Claimant::of(&one.candidate));
        let settled = registry::settle(served, &options.contracts);
        let owned = settled.owned.iter().map(|owned| {
            let of = (owned.provided.contract.to_string(), owned.provided.id.clone());
            (of, owned.plugin.to_owned())
        });
        self.owners = owned.collect();
        self.conflicts = settled.conflicts;
    }
}

/// The plugins that are switched on, by their manifests alone. Blocking; reads no library.
pub fn switched_on(options: &Options) -> Vec<Candidate> {
    let mut candidates = find(options).candidates;
    candidates.retain(|candidate| options.enablement.decide(candidate).enabled);
    candidates
}

/// Who would have each capability of these plugins, by their manifests alone: the names that lead to it, its
/// id first.
pub fn owned<'a>(
    plugins: impl IntoIterator<Item = &'a Candidate>,
    contracts: &Contracts,
) -> Vec<(&'a Candidate, &'a Provided, Vec<&'a str>)> {
    let plugins: BTreeMap<&str, &Candidate> =
        plugins.into_iter().map(|plugin| (plugin.id(), plugin)).collect();
    let claimants = plugins.values().map(|plugin| Claimant::of(plugin));
    let owned = registry::settle(claimants, contracts).owned.into_iter().map(|owned| {
        let names = [owned.provided.id.as_str()].into_iter().chain(owned.aliases);
        (plugins[owned.plugin], owned.provided, names.collect())
    });
    owned.collect()
}

fn survey_with(options: &Options, known: Option<&Known>) -> Survey {
    let mut policy = policy(options);
    if known.is_some() {
        policy.records = policy.records.map(|records| records.listed());
    }
    let look = |candidate: &Candidate, visit: &Visit| {
        let passed = match (candidate.bundle(), known) {
            (Some(bundle), _) => {
                vet_visited_bundle(candidate, bundle, visit, &policy).map(Passed::Bundle)
            }
            (_, Some(known)) => vet_known(candidate, visit, &policy, known).map(Passed::Plugin),
            (_, None) => vet(candidate, &policy).map(Passed::Plugin),
        };
        passed.and_then(|passed| {
            check_configuration(options, candidate)?;
            Ok(passed)
        })
    };
    let Visited { plugins, searched, diagnostics } = find_and_look(options, look);
    let plugins = plugins.into_iter().map(|(candidate, verdict)| {
        let decision = options.enablement.decide(&candidate);
        Surveyed { candidate, decision, verdict }
    });
    let index = known.map(|known| known.state().clone());
    let (conflicts, owners) = (Vec::new(), BTreeMap::new());
    Survey { plugins: plugins.collect(), searched, diagnostics, conflicts, owners, index }
}

/// Surveys the roots, and does with every plugin that is switched on what is done before it is opened:
/// copies it into the store and, if the options say how, tries it. What is an error here would be one
/// of the engine's, and the other way round. Blocking; runs plugin code in throw-away processes only.
pub fn rehearse(options: &Options, store: &Store) -> Survey {
    let mut survey = survey_with(options, None);
    let policy = policy(options);
    for (plugin, number) in survey.plugins.iter_mut().zip(1..) {
        if plugin.decision.enabled && matches!(plugin.verdict, Ok(Passed::Plugin(_))) {
            let prepared = prepare(options, &policy, store, &plugin.candidate, number);
            plugin.verdict = prepared.map(|(vetted, _)| Passed::Plugin(vetted));
        }
    }
    survey.settle(options);
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
    let probed = stage(options, policy, store, &fresh, number)?;
    Ok((fresh.into_vetted(), probed))
}

/// Copies a library into the store and, if the options say how, tries it.
pub(super) fn stage(
    options: &Options,
    policy: &Policy,
    store: &Store,
    fresh: &Fresh,
    number: u64,
) -> Result<Probed, Vec<Diagnostic>> {
    let (probe, records) = (options.probe.as_ref(), policy.records.as_ref());
    let staged = store.stage(fresh, number);
    let probed = staged.and_then(|staged| try_out(staged, probe, records));
    let probed = probed.map_err(|finding| vec![finding])?;
    if let Some(tell) = &options.before_start {
        tell(fresh.vetted().candidate());
    }
    Ok(probed)
}

/// The code of a finding about a plugin whose files are not there any more.
pub(super) const GONE: &str = "LDR-RELOAD-GONE";

/// Looks in the roots for one plugin that is switched on.
pub(super) fn find_one(options: &Options, id: &str) -> Result<Candidate, Vec<Diagnostic>> {
    let found = find(options);
    let candidate = found.candidates.into_iter().find(|candidate| candidate.id() == id);
    let Some(candidate) = candidate else {
        // A manifest that cannot be read says why.
        let mut findings = found.diagnostics;
        findings.retain(|finding| finding.is_error());
        let message = "its files are gone; what is loaded goes on serving";
        let hint = format!("put them back, or stop it: plugins.deny = [\"{id}\"]");
        findings.push(Diagnostic::error(GONE, message).about(id).hint(hint));
        return Err(findings);
    };
    let decision = options.enablement.decide(&candidate);
    if decision.enabled {
        return Ok(candidate);
    }
    let message = format!("it is switched off: {}", decision.reason);
    let finding = Diagnostic::error("LDR-RELOAD-DISABLED", message).about(id);
    Err(vec![finding.at(candidate.folder()).hint(format!("loader plugins inspect {id}"))])
}

/// Looks in the roots.
pub(super) fn find(options: &Options) -> Discovery {
    discover_where(&options.roots, &takes_part(options))
}

/// Looks in the roots, and at each plugin while its folder is open.
pub(super) fn find_and_look<Look: Send>(
    options: &Options,
    look: impl Fn(&Candidate, &Visit) -> Look + Sync,
) -> Visited<Look> {
    visit(&options.roots, &takes_part(options), look)
}

/// A plugin of a workspace hides no other unless it is switched on.
fn takes_part(options: &Options) -> impl Fn(Origin, &str, Option<&str>) -> bool {
    |origin, id, slot| {
        origin != Origin::Workspace || options.enablement.decide_for(id, slot, origin).enabled
    }
}

/// What plugins must satisfy to be loaded with these options.
pub fn policy(options: &Options) -> Policy {
    let mut policy = Policy::new(options.services.names());
    policy.trust.clone_from(&options.trust);
    policy.records = Some(Records::of(&options.state_dir));
    policy.advise = options.advise;
    policy.serve_crashed = options.crash.is_some_and(|crash| !crash.safe_boot);
    policy
}

/// Files first, then configuration: what is wrong with a file is the better advice.
pub(super) fn examine(
    options: &Options,
    policy: &Policy,
    candidate: &Candidate,
) -> Result<Fresh, Vec<Diagnostic>> {
    let fresh = vet_fresh(candidate, policy)?;
    check_configuration(options, candidate)?;
    Ok(fresh)
}

fn check_configuration(options: &Options, candidate: &Candidate) -> Result<(), Vec<Diagnostic>> {
    let settings = options.plugins.get(candidate.id());
    let empty = serde_json::Value::Object(serde_json::Map::new());
    configuration::check(candidate, settings.map_or(&empty, |settings| &settings.config))
}

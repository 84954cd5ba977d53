//! What the gateway has to say against a plugin, by its manifest alone.

use loader_contract::{
    catalogue,
    objection::{Objection, objections},
};
use loader_core::{diagnostic::Diagnostic, discovery::Candidate, manifest::Provided};

/// What the contracts have to say against each capability. An error among it keeps the plugin from being
/// loaded.
pub(crate) fn advise(candidate: &Candidate) -> Vec<Diagnostic> {
    let wrong = candidate.spec().provides.iter().flat_map(against);
    let told = wrong.map(Diagnostic::from);
    told.map(|one| one.at(candidate.manifest_path()).about(candidate.id())).collect()
}

/// What its contract has to say against a capability.
pub(crate) fn against(provided: &Provided) -> Vec<Objection> {
    let contract = catalogue::find(&provided.contract.to_string());
    let wrong = contract.map(|contract| objections(contract, &provided.id, &provided.attributes));
    wrong.unwrap_or_default()
}

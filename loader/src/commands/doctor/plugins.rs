//! What would become of every plugin, by the steps of a real start.

use loader_core::{Survey, Surveyed};
use loader_gateway::Signals;

use super::super::of_plugins::Offer;
use super::patient::Patient;
use super::trust::LOCK;
use crate::finding::Finding;

pub(super) fn folders(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| {
        let said = it.survey.diagnostics.iter().filter(|one| !one.code.starts_with(LOCK));
        said.cloned().map(Finding::from).collect()
    })
}

pub(super) fn verdicts(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| {
        let verdicts = it.survey.plugins.iter().flat_map(|one| of(&it.survey, one));
        let switched_on = it.survey.plugins.iter().filter(|plugin| plugin.decision.enabled);
        let offer = Offer::of(switched_on.map(|plugin| &plugin.candidate));
        verdicts.chain(offer.warnings).collect()
    })
}

/// What there is to say about one plugin. What is wrong with one that is switched off stops nobody.
pub(super) fn of(survey: &Survey, plugin: &Surveyed) -> Vec<Finding> {
    let findings = Signals::of(survey, plugin).findings.into_iter().map(Finding::from);
    match plugin.decision.enabled {
        true => findings.collect(),
        false => findings.map(Finding::weakened).collect(),
    }
}

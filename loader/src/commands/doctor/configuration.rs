//! Whether the configuration can be used and means what it says.

use super::patient::Patient;
use crate::commands::config::check_values;
use crate::finding::Finding;

pub(super) fn layers(patient: &Patient) -> Vec<Finding> {
    match &patient.configuration {
        Ok(configured) => configured.context.warnings(),
        Err(refusal) => [refusal.errors.clone(), refusal.warnings.clone()].concat(),
    }
}

pub(super) fn values(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| check_values(&it.context, &it.survey))
}

//! The JSON envelope around what a command says.

use serde::Serialize;
use serde_json::Value;

use super::{Answer, Refusal};
use crate::finding::Finding;

#[derive(Serialize)]
struct Envelope<'a> {
    schema: String,
    ok: bool,
    /// The first of `errors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<&'a Finding>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    warnings: Vec<&'a Finding>,
}

/// `{"schema":"loader.<command>/1","ok":true,"data":…,"warnings":[…]}` on a line of its own.
pub(super) fn of_answer(command: &str, answer: &Answer) -> String {
    line(command, None, Some(&answer.data), answer.warnings.iter().collect())
}

/// `{"schema":"loader.<command>/1","ok":false,"error":…,"errors":[…],"warnings":[…]}` on a line of
/// its own. `error` is the first of `errors`.
pub(super) fn of_refusal(command: &str, refusal: &Refusal) -> String {
    let errors = refusal.errors.iter().collect();
    line(command, Some(errors), None, refusal.warnings.iter().collect())
}

/// The envelope of a refusal, with the data all the same.
pub(super) fn of_objection(command: &str, answer: &Answer) -> String {
    let (errors, warnings) = answer.warnings.iter().partition(|finding| finding.is_error());
    line(command, Some(errors), Some(&answer.data), warnings)
}

fn line(
    command: &str,
    errors: Option<Vec<&Finding>>,
    data: Option<&Value>,
    warnings: Vec<&Finding>,
) -> String {
    let error = errors.as_ref().and_then(|errors| errors.first().copied());
    let schema = format!("loader.{command}/1");
    let envelope = Envelope { schema, ok: errors.is_none(), error, errors, data, warnings };
    serde_json::to_string(&envelope).expect("it holds nothing that JSON cannot say") + "\n"
}

//! The JSON envelope around what a command says.

use serde_json::{Value, json};

use super::{Answer, Refusal};

/// `{"schema":"loader.<command>/1","ok":true,"data":…,"warnings":[…]}` on a line of its own.
pub(super) fn of_answer(command: &str, answer: &Answer) -> String {
    line(json!({
        "schema": schema(command),
        "ok": true,
        "data": answer.data,
        "warnings": answer.warnings,
    }))
}

/// `{"schema":"loader.<command>/1","ok":false,"error":…,"errors":[…],"warnings":[…]}` on a line of
/// its own. `error` is the first of `errors`.
pub(super) fn of_refusal(command: &str, refusal: &Refusal) -> String {
    line(json!({
        "schema": schema(command),
        "ok": false,
        "error": refusal.errors.first(),
        "errors": refusal.errors,
        "warnings": refusal.warnings,
    }))
}

/// The envelope of a refusal, with the data all the same.
pub(super) fn of_objection(command: &str, answer: &Answer) -> String {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        answer.warnings.iter().partition(|finding| finding.is_error());
    line(json!({
        "schema": schema(command),
        "ok": false,
        "error": errors.first(),
        "errors": errors,
        "data": answer.data,
        "warnings": warnings,
    }))
}

fn schema(command: &str) -> String {
    format!("loader.{command}/1")
}

fn line(envelope: Value) -> String {
    format!("{envelope}\n")
}

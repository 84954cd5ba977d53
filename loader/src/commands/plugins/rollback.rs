//! `loader plugins rollback`: goes back to the release that was in use before.

use serde_json::json;

use super::site::{Site, UNTRIED, findings, refusal};
use crate::args::Rollback;
use crate::context::Context;
use crate::output::{Answer, CommandResult};

/// Goes back.
pub(in crate::commands) fn rollback(context: &Context, wanted: &Rollback) -> CommandResult {
    let site = Site::of(context)?;
    let outcome = site.installer(UNTRIED).roll_back(&wanted.id, wanted.version.as_deref());
    let outcome = outcome.map_err(refusal)?;
    let from = outcome.before.as_ref().map(|before| before.version.to_string());
    let to = outcome.release.version.to_string();
    let (id, before) = (&wanted.id, from.as_deref().unwrap_or("nothing"));
    let gateway = match site.is_followed {
        true => "a running gateway goes over to it".to_owned(),
        false => format!("a running gateway goes over to it with: loader plugins reload {id}"),
    };
    Ok(Answer {
        text: format!("{id} {to} is in use again, in place of {before}; {gateway}\n"),
        data: json!({ "id": wanted.id, "version": to, "before": from, "release": outcome.release }),
        warnings: findings(context, outcome.warnings),
    }
    .into())
}

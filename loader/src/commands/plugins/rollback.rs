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
    Ok(Answer {
        text: format!(
            "{} {to} is in use again, in place of {}; restart the gateway to serve it\n",
            wanted.id,
            from.as_deref().unwrap_or("nothing")
        ),
        data: json!({ "id": wanted.id, "version": to, "before": from, "release": outcome.release }),
        warnings: findings(context, outcome.warnings),
    }
    .into())
}

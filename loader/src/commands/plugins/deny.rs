//! `loader plugins deny` and `allow`: bytes that never run any more.

use std::time::{SystemTime, UNIX_EPOCH};

use loader_core::digest::Digest;
use loader_core::trust::{DenialRecord, Records};
use serde_json::json;

use super::unknown::unknown;
use crate::args::{Allow, Deny};
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Refusal};

/// Denies bytes.
pub(in crate::commands) fn deny(context: &Context, wanted: &Deny) -> CommandResult {
    let records = Records::of(context.state_dir()?);
    let digest = match wanted.what.parse::<Digest>() {
        Ok(digest) => digest,
        Err(_) => digest_of(context, &wanted.what)?,
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let reason = wanted.reason.lines().next().unwrap_or_default().to_owned();
    let record = DenialRecord { reason, since };
    records.deny(digest, &record).map_err(Finding::from)?;
    Ok(Answer {
        text: format!(
            "{digest} never runs any more; a running gateway stops it within five seconds\n"
        ),
        data: json!({ "digest": digest, "denial": record }),
        warnings: context.warnings(),
    }
    .into())
}

/// The digest of a plugin's library, or of a bundle's manifest, as it is now.
fn digest_of(context: &Context, id: &str) -> Result<Digest, Refusal> {
    let survey = loader_gateway::survey(&context.gateway_settings(None));
    let plugin = survey.plugins.iter().find(|plugin| plugin.candidate.id() == id);
    let plugin = plugin.ok_or_else(|| {
        let message = format!("`{}` is neither a digest nor a plugin", id.escape_debug());
        Refusal::new(Exit::NotFound, unknown(&survey, id, message))
    })?;
    match &plugin.verdict {
        Ok(passed) => Ok(passed.digest()),
        Err(_) => {
            let message = format!("`{id}` is refused already, so its digest is not known");
            let hint = format!("loader plugins inspect {id}; sha256sum prints a file's digest");
            Err(Finding::error("LDR-PLUGINS-REFUSED", message).hint(hint).into())
        }
    }
}

/// Takes a denial back.
pub(in crate::commands) fn allow(context: &Context, wanted: &Allow) -> CommandResult {
    let records = Records::of(context.state_dir()?);
    let digest = wanted.digest.parse::<Digest>().map_err(|error| {
        let message = format!("`{}` is {error}", wanted.digest.escape_debug());
        Finding::error("LDR-PLUGINS-DIGEST", message)
            .hint("copy the digest from the refusal; loader plugins list")
    })?;
    let existed = records.allow(digest).map_err(Finding::from)?;
    let text = match existed {
        true => format!("{digest} may run again; restart the gateway to serve it\n"),
        false => format!("{digest} was not denied\n"),
    };
    let data = json!({ "digest": digest, "was_denied": existed });
    Ok(Answer { text, data, warnings: context.warnings() }.into())
}

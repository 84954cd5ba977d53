//! `loader plugins quarantine`: libraries that did damage when they were tried, or while they served.

use loader_core::crash;
use loader_core::digest::Digest;
use loader_core::moment;
use loader_core::trust::{QuarantineRecord, Records};
use serde_json::{Value, json};

use crate::args::Clear;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Refusal, harmless, table};

/// Lists what is in quarantine, the latest first.
pub(in crate::commands) fn quarantined(context: &Context) -> CommandResult {
    let mut all = Records::of(context.state_dir()?).quarantined();
    all.sort_by_key(|(_, record)| std::cmp::Reverse(record.since));
    let text = match all.is_empty() {
        true => "Nothing is in quarantine.\n".to_owned(),
        false => table(
            ["DIGEST", "PLUGIN", "VERSION", "WHAT IT DID", "WHEN", "TRIED AGAIN"],
            &all.iter().map(row).collect::<Vec<_>>(),
        ),
    };
    let data = all.iter().map(describe).collect::<Vec<_>>();
    let data = json!({ "quarantined": data });
    Ok(Answer { text, data, warnings: context.warnings() }.into())
}

fn row((digest, record): &(Digest, QuarantineRecord)) -> [String; 6] {
    let known = |text: &str| if text.is_empty() { "?".to_owned() } else { harmless(text) };
    let again = match record.retry_at {
        Some(moment) => moment::in_words(moment),
        None => "never".to_owned(),
    };
    [
        digest.to_string(),
        known(&record.plugin),
        known(&record.version),
        known(&record.fault),
        moment::in_words(record.since),
        again,
    ]
}

fn describe((digest, record): &(Digest, QuarantineRecord)) -> Value {
    let mut described = json!(record);
    described["digest"] = json!(digest);
    described
}

/// Lets libraries out of quarantine.
pub(in crate::commands) fn release(context: &Context, clear: &Clear) -> CommandResult {
    let state = context.state_dir()?;
    // What crashed the gateway and no start has read yet is let out too.
    let crashes = crash::take_in(state).into_iter().map(Finding::from);
    let warnings = context.warnings().into_iter().chain(crashes).collect();
    let records = Records::of(state);
    let is_meant = |(digest, record): &(Digest, QuarantineRecord)| match &clear.subject {
        Some(subject) => record.plugin == *subject || digest.to_string() == *subject,
        None => clear.all,
    };
    let meant: Vec<_> = records.quarantined().into_iter().filter(is_meant).collect();
    if let (true, Some(subject)) = (meant.is_empty(), &clear.subject) {
        let message =
            format!("neither a digest nor a plugin `{}` is in quarantine", subject.escape_debug());
        let finding = Finding::error("LDR-QUARANTINE-UNKNOWN", message)
            .hint("see what is: loader plugins quarantine list");
        return Err(Refusal::new(Exit::NotFound, finding));
    }
    for (digest, _) in &meant {
        records.release(*digest).map_err(Finding::from)?;
    }
    let line = |(digest, record): &(Digest, QuarantineRecord)| {
        let plugin = harmless(&record.plugin);
        format!("Let out of quarantine: {digest} {plugin}").trim_end().to_owned() + "\n"
    };
    let text = match meant.is_empty() {
        true => "Nothing was in quarantine.\n".to_owned(),
        false => meant.iter().map(line).collect(),
    };
    let data = json!({ "released": meant.iter().map(describe).collect::<Vec<_>>() });
    Ok(Answer { text, data, warnings }.into())
}

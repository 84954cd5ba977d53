//! `loader plugins search`: what the catalogues have.

use loader_core::package::catalogue::{self, Entry, Found, Location};
use serde_json::{Value, json};

use super::origin::Search;
use super::site::findings;
use crate::args;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Output, harmless, table};

/// Lists the packages whose id or description has this word in it.
pub(in crate::commands) fn search(
    context: &Context,
    wanted: &args::Search,
    output: &Output,
) -> CommandResult {
    let (catalogues, said) = Search::new(context, output, wanted.prerelease)?.catalogues();
    let found = catalogue::search(&catalogues, &wanted.word, wanted.prerelease);
    let mut warnings = findings(context, said);
    if context.resolved.config.plugins.catalogues.is_empty() {
        let message = "there is no catalogue to look in";
        let finding = Finding::warning("LDR-CATALOGUE-NONE", message);
        warnings.push(finding.hint("name one in the configuration: plugins.catalogues = [\"…\"]"));
    }
    Ok(Answer {
        text: write(&found),
        data: json!({ "packages": found.iter().map(describe).collect::<Vec<_>>() }),
        warnings,
    }
    .into())
}

fn write(found: &[Found<'_>]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let row = |found: &Found<'_>| {
        let Entry { id, version, description, .. } = found.entry;
        [
            id.clone(),
            version.as_ref().map_or("-".to_owned(), ToString::to_string),
            match platforms(found.entry).as_slice() {
                [] => "any".to_owned(),
                platforms => platforms.join(", "),
            },
            harmless(description.as_deref().unwrap_or_default()),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    table(["ID", "VERSION", "PLATFORMS", "DESCRIPTION"], &rows)
}

fn describe(found: &Found<'_>) -> Value {
    let Entry { id, version, serial, description, location, sha256, channel, .. } = found.entry;
    json!({
        "id": id,
        "version": version,
        "serial": serial,
        "description": description,
        "location": location.as_ref().map(|location| match location {
            Location::Web(address) => address.to_string(),
            Location::Path(path) => path.display().to_string(),
        }),
        "sha256": sha256,
        "platforms": platforms(found.entry),
        "channel": channel,
        "catalogue": found.catalogue.source.to_string(),
    })
}

fn platforms(entry: &Entry) -> Vec<String> {
    entry.platforms.iter().map(ToString::to_string).collect()
}

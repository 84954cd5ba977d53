//! An account that is added or removed: of which channel, in which file.

use std::path::{Path, PathBuf};

use loader_core::Surveyed;
use loader_core::nearest::nearest;
use loader_gateway::picker;

use super::{command, key};
use crate::commands::plugins::Search;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Output, Refusal};

/// The dotted key of an account.
pub(super) fn account_key(channel: &str, account: &str) -> String {
    format!("channels.{}.accounts.{}", key(channel), key(account))
}

/// The file that is changed.
pub(super) fn file(context: &Context, named: Option<&Path>) -> Result<PathBuf, Finding> {
    let named = named.map(|path| context.absolute(path));
    named.or_else(|| context.own_file()).ok_or_else(|| {
        Finding::error("LDR-SETUP-FILE", "there is no configuration of yours: HOME is not set")
            .hint("name a file with `--file PATH`")
    })
}

/// No plugin that is here has this channel. Perhaps a catalogue has, or another name was meant.
pub(super) fn unknown(
    context: &Context,
    plugins: &[Surveyed],
    name: &str,
    output: &Output,
) -> Result<Refusal, Refusal> {
    let (catalogues, _) = Search::new(context, output, false)?.catalogues();
    let (channels, _) = picker::list(plugins, &catalogues, &context.resolved.config);
    let names: Vec<&str> = channels.iter().map(|channel| channel.id.as_str()).collect();
    let listed = channels.iter().find(|channel| channel.id == name);
    let hint = match (listed.and_then(command), nearest(name, names.iter().copied())) {
        (Some(command), _) => command,
        (None, Some(meant)) => format!("did you mean `{meant}`? see loader channels list"),
        (None, None) if names.is_empty() => "there is none: loader plugins list".to_owned(),
        (None, None) => format!("there are: {}; see loader channels list", names.join(", ")),
    };
    let message = format!("no plugin that is here provides the channel `{}`", name.escape_debug());
    let finding = Finding::error("LDR-CHANNEL-UNKNOWN", message).hint(hint);
    Ok(Refusal { warnings: context.warnings(), ..Refusal::new(Exit::NotFound, finding) })
}

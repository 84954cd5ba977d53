//! `loader channels`: the channels that can be set up, and what brings each; their accounts; text for
//! somebody.

mod account;
mod add;
mod remove;

pub(super) use self::add::add;
pub(super) use self::remove::remove;

use loader_contract::channel::{CONTRACT, SendText, Sent, method};
use loader_gateway::picker::{self, ListedChannel, Source};
use serde_json::{Value, json};

use super::call::asking;
use super::plugins::{Search, findings};
use crate::args::{ListChannels, SendToChannel};
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Output, table};
use crate::shell;

/// Lists the channels, in the order they want to be in.
pub(super) fn list(context: &Context, wanted: &ListChannels, output: &Output) -> CommandResult {
    let survey = loader_gateway::survey(&context.gateway_settings(None));
    let (catalogues, said) = Search::new(context, output, false)?.catalogues();
    let config = &context.resolved.config;
    let (mut channels, cards) = picker::list(&survey.plugins, &catalogues, config);
    channels.retain(|channel| is_wanted(channel, wanted));
    let mut warnings = findings(context, said);
    warnings.extend(cards.into_iter().map(Finding::from));
    Ok(Answer {
        text: write(&channels),
        data: json!({ "channels": channels.iter().map(describe).collect::<Vec<_>>() }),
        warnings,
    }
    .into())
}

/// Sends text through a channel.
pub(super) fn send(wanted: &SendToChannel, context: &Context, output: &Output) -> CommandResult {
    let request = SendText {
        channel: wanted.channel.clone(),
        account: wanted.account.clone(),
        conversation: wanted.to.clone(),
        text: wanted.text.clone(),
        reply_to: String::new(),
    };
    asking(context, output, "channels.send", async |partner| {
        let sent: Sent = partner.answer(&format!("{CONTRACT}/{}", method::SEND), &request).await?;
        let data = json!(sent);
        let text = match sent.pieces {
            0 | 1 => "sent\n".to_owned(),
            pieces => format!("sent in {pieces} pieces\n"),
        };
        Ok(Answer { text, data, warnings: Vec::new() }.into())
    })
}

/// Whether a channel is asked for, and wants to be seen where it would be.
fn is_wanted(channel: &ListedChannel, wanted: &ListChannels) -> bool {
    let exposure = channel.card.exposure;
    match wanted.configured {
        true => channel.configured && (wanted.all || exposure.configured),
        false => wanted.all || exposure.setup,
    }
}

fn write(channels: &[ListedChannel]) -> String {
    if channels.is_empty() {
        return String::new();
    }
    let row = |channel: &ListedChannel| {
        let source = match &channel.source {
            Source::Plugin { .. } => format!("plugin {}", channel.plugin),
            Source::Catalogue { catalogue, .. } => format!("catalogue {catalogue}"),
        };
        let choice = channel.card.choice(&channel.id).to_owned();
        [channel.id.clone(), choice, source, next_step(channel)]
    };
    let rows: Vec<_> = channels.iter().map(row).collect();
    table(["CHANNEL", "NAME", "SOURCE", "TO USE IT"], &rows)
}

/// What is to be done next to use a channel.
fn next_step(channel: &ListedChannel) -> String {
    match (&channel.source, command(channel)) {
        (_, Some(command)) => command,
        (Source::Plugin { .. }, None) if channel.configured => "it has accounts".to_owned(),
        (Source::Plugin { .. }, None) => {
            format!("loader channels add {} KEY=VALUE…", shell::word(&channel.id))
        }
        (Source::Catalogue { .. }, None) => "get it from its publisher".to_owned(),
    }
}

/// The command that brings a channel, or says why it is not there.
fn command(channel: &ListedChannel) -> Option<String> {
    match &channel.source {
        Source::Plugin { loadable: true } | Source::Catalogue { available: false, .. } => None,
        Source::Plugin { loadable: false } => {
            Some(format!("loader plugins inspect {}", channel.plugin))
        }
        Source::Catalogue { available: true, .. } => {
            Some(format!("loader plugins install {}", shell::word(&channel.plugin)))
        }
    }
}

/// A channel's id as a key of TOML.
fn key(id: &str) -> String {
    let is_bare = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_bare && !id.is_empty() { id.to_owned() } else { format!("{id:?}") }
}

fn describe(channel: &ListedChannel) -> Value {
    let mut described = json!(channel);
    described["command"] = json!(command(channel));
    described
}

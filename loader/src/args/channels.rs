//! `loader channels`.

use clap::{Args, Subcommand};

/// Look at the channels that can be set up, and send through those that are
#[derive(Subcommand)]
pub(crate) enum Channels {
    #[command(visible_alias = "available")]
    List(ListChannels),
    Send(SendToChannel),
}

/// List the channels that can be set up: those of plugins that are here, and those in catalogues
///
/// Each with the command or the setting that brings it. A channel that does not want to be listed is
/// left out, and so is what a plugin that is here provides already.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader channels list
  loader channels list --configured
  loader channels list --set 'plugins.catalogues=[\"/srv/catalog.json\"]'")]
pub(crate) struct ListChannels {
    /// Only those that have accounts in the configuration
    #[arg(long)]
    pub(crate) configured: bool,
    /// Those too that do not want to be listed
    #[arg(long)]
    pub(crate) all: bool,
}

/// Send text through a channel of the gateway that runs with the same state folder
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader channels send irc '#my-channel' 'good morning'
  loader channels send irc ada 'good morning' --account libera")]
pub(crate) struct SendToChannel {
    /// The channel, as `loader channels list` names it
    #[arg(value_name = "CHANNEL")]
    pub(crate) channel: String,

    /// To whom: a conversation, as the channel names it
    #[arg(value_name = "TO")]
    pub(crate) to: String,

    /// What to say
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) text: String,

    /// The account to send from; may be left out where only one is connected
    #[arg(long, value_name = "ACCOUNT", default_value = "", hide_default_value = true)]
    pub(crate) account: String,
}

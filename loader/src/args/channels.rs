//! `loader channels`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::global::{Setting, setting};

/// Look at the channels that can be set up, set them up, and send through those that are
#[derive(Subcommand)]
pub(crate) enum Channels {
    #[command(visible_alias = "available")]
    List(ListChannels),
    Add(AddAccount),
    Remove(RemoveAccount),
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

/// Write an account of a channel into `loader.toml`
///
/// The settings are checked as `loader config validate` checks them, by the schema that the channel's plugin
/// brings; the plugin itself is not opened, and need not be switched on. Comments in the file stay. A running
/// gateway that follows its files connects the account.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader channels add irc host=irc.libera.chat nick=my-bot 'channels=[\"#my-channel\"]'
  loader channels add irc --account oftc host=irc.oftc.net nick=my-bot password=secret:oftc
  loader channels add irc host=irc.libera.chat nick=my-bot --dry-run    what would be written")]
pub(crate) struct AddAccount {
    /// The channel, by its id or an alias: see `loader channels list`
    #[arg(value_name = "CHANNEL")]
    pub(crate) channel: String,

    /// A setting of the account, such as `nick=my-bot`; a secret is `secret:<name>`
    ///
    /// The value is TOML, or text if it is not TOML; `sasl.password=…` is a key in a table.
    #[arg(value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) values: Vec<Setting>,

    /// What the account is called
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) account: String,

    /// The file to write; the default is the one `--config` names, or else your own `loader.toml`
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,

    /// Only check, and show what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Take an account of a channel out of `loader.toml`, with the comments above it
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader channels remove irc --account oftc")]
pub(crate) struct RemoveAccount {
    /// The channel, by its id or an alias, or as the file names it
    #[arg(value_name = "CHANNEL")]
    pub(crate) channel: String,

    /// What the account is called
    #[arg(long, value_name = "NAME")]
    pub(crate) account: String,

    /// The file to write; the default is the one `--config` names, or else your own `loader.toml`
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
}

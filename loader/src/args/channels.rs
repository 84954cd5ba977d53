//! `loader channels`.

use clap::{Args, Subcommand};

/// Look at the channels that can be set up, without running any code of plugins
#[derive(Subcommand)]
pub(crate) enum Channels {
    #[command(visible_alias = "available")]
    List(ListChannels),
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

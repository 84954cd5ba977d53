//! `loader plugins`.

use clap::{Args, Subcommand};

/// Look at plugins without running any of their code
#[derive(Subcommand)]
pub(crate) enum Plugins {
    /// List every plugin that is found and whether it would be loaded
    List,
    Inspect(Inspect),
    #[command(subcommand)]
    Quarantine(Quarantine),
}

/// Look at libraries that did damage when they were tried, and have them tried again
///
/// Before a library is opened for the first time, it is opened in a process of its own. One that
/// crashes there, or does not come to an end, is not tried again until its bytes change.
#[derive(Subcommand)]
pub(crate) enum Quarantine {
    /// List the libraries in quarantine, with what they did and when
    List,
    Clear(Clear),
}

/// Let libraries out of quarantine: the next start tries them again
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader plugins quarantine clear irc      whatever the plugin irc has in quarantine
  loader plugins quarantine clear --all    everything")]
pub(crate) struct Clear {
    /// The SHA-256 digest of a library, or the id of a plugin
    #[arg(value_name = "DIGEST|ID", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) subject: Option<String>,

    /// Every library
    #[arg(long)]
    pub(crate) all: bool,
}

/// Show everything about one plugin: its manifest, its library, and why it would be loaded or not
#[derive(Args)]
pub(crate) struct Inspect {
    /// The plugin's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

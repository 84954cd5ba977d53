//! `loader plugins`.

use clap::{Args, Subcommand};

/// Look at plugins without running any of their code
#[derive(Subcommand)]
pub(crate) enum Plugins {
    /// List every plugin that is found and whether it would be loaded
    List,
    Inspect(Inspect),
    Audit(Audit),
    #[command(subcommand)]
    Quarantine(Quarantine),
}

/// Show what a library needs of this machine and would bring into the process
///
/// Reads the file and runs nothing of it: the oldest C library it works with, what it needs and
/// whether that is here, what runs by itself when it is opened, what it calls, how its memory is
/// protected. Fails when something would keep it from working here.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader plugins audit                    every plugin that is found
  loader plugins audit irc                one plugin
  loader plugins audit ./libmine.so       a library that is no plugin's yet")]
pub(crate) struct Audit {
    /// The id of a plugin, or a library; without it, every plugin
    #[arg(value_name = "ID|FILE")]
    pub(crate) subject: Option<String>,
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

//! `loader doctor`.

use clap::Args;

/// Say what is wrong with this machine, and how to mend it
///
/// Goes through everything a start goes through and stops before a plugin is opened, so that what it
/// says of a plugin is what a start would say. Runs no code of plugins, unless `--probe` is given.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader doctor                       everything
  loader doctor --only-failed         what is wrong
  loader doctor --plugin irc          one plugin
  loader doctor --fix --dry-run       what could be mended without losing anything
  loader doctor --fix                 mend it, and look again")]
pub(crate) struct Doctor {
    /// Show only what is wrong
    #[arg(long)]
    pub(crate) only_failed: bool,
    /// Look only at the plugin of this id
    #[arg(long, value_name = "ID")]
    pub(crate) plugin: Option<String>,
    /// Open each library that is new to this machine in a process of its own
    #[arg(long)]
    pub(crate) probe: bool,
    /// Make the repairs that lose nothing, and look again
    #[arg(long)]
    pub(crate) fix: bool,
    /// With `--fix`: say what would be repaired, and do nothing
    #[arg(long, requires = "fix")]
    pub(crate) dry_run: bool,
}

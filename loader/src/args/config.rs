//! `loader config`.

use clap::{Args, Subcommand};

/// Look at the configuration
///
/// Settings come from, each overriding the ones before it: the defaults, `/etc/loader/loader.toml`,
/// `~/.config/loader/loader.toml`, `loader.toml` in the working directory (or the file `--config`
/// names), variables such as LOADER__GATEWAY__LISTEN, and `--set`.
#[derive(Subcommand)]
pub(crate) enum Config {
    /// Show every setting in effect and where its value comes from; secrets stay hidden
    Show,
    /// Check all configuration, the plugins' own included, without running any plugin's code
    Validate,
    /// Print the JSON Schema of `loader.toml`
    Schema,
    Apply(ConfigApply),
}

/// Have the running gateway read its configuration again, and wait for what comes of it
///
/// A gateway follows its files by itself; this says what came of it. Plugins and accounts whose settings
/// differ are reloaded and reconnected, and nothing else is. A configuration that cannot be used changes
/// nothing. SIGHUP does the same.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader config apply --dry-run    what would be reloaded and reconnected
  loader config apply")]
pub(crate) struct ConfigApply {
    /// Only shows what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

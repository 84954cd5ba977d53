//! `loader config`.

use clap::Subcommand;

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
}

//! `loader dev`.

use std::path::PathBuf;

use clap::Args;

use super::Run;

/// Serve a plugin under development, and every change of it
///
/// Builds the plugin's crate with cargo, serves it from where it is, watches its sources, builds them
/// again when they change, and replaces the plugin while it serves: what it keeps stays, and a build
/// that does not compile or does not do well leaves the one before in place. Compiler errors, logs and
/// reloads appear in one terminal. The folder is linked as `loader plugins link` does it, until the
/// end if it was not linked before.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader new weather --kind provider && cd weather && loader dev
  loader dev ~/plugins/weather --listen 127.0.0.1:0")]
pub(crate) struct Dev {
    /// The folder with the plugin's `plugin.toml` and `Cargo.toml`
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,

    #[command(flatten)]
    pub(crate) run: Run,
}

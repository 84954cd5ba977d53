//! `loader status`.

use clap::Args;

/// Show how the running gateway and its plugins are doing
///
/// Asks the gateway that runs with the same state folder. Plugins are not asked: `GET /health` does
/// that. Ends with 0 when a gateway answers, however its plugins are, and with 1 when none runs.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader status                    the plugins that are switched on, and their calls
  loader status --all              with all plugins, accounts, and what a start would say
  loader status --all --json       the same for programs")]
pub(crate) struct Status {
    /// Everything: plugins that are switched off, what a start with this configuration would say of
    /// each, accounts, and generations that could not leave
    #[arg(long)]
    pub(crate) all: bool,
}

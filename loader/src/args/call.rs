//! `loader call`.

use std::path::PathBuf;

use clap::Args;

/// Ask a plugin, or the gateway, for what a contract offers
///
/// Asks the gateway that runs with the same state folder, or starts the plugins for the time of the
/// call. Without `--id` the gateway chooses who answers. `POST /v1/capabilities/OPERATION` is the same
/// over HTTP.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader call tool/1/list
  loader call speech/1/synthesize '{\"text\": \"hello\"}' -o hello.wav
  loader call health/1/check --id hello")]
pub(crate) struct Call {
    /// A contract and one of its methods: `speech/1/voices`
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,

    /// The request as JSON; `-` reads it from standard input
    #[arg(value_name = "JSON")]
    pub(crate) request: Option<String>,

    /// The capability that is to answer
    #[arg(long, value_name = "CAPABILITY")]
    pub(crate) id: Option<String>,

    /// The file to write bytes to
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

//! `loader run`.

use std::net::SocketAddr;

use clap::Args;

/// Start the gateway and serve until it is asked to stop
///
/// Prints the plugins, the address, the token file and commands to try. Ctrl-C or SIGTERM lets calls
/// under way finish first; a second one ends at once. A plugin that cannot be loaded is named, and
/// the others are served.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader run
  loader run --listen 127.0.0.1:0 --ready-json
  loader run --set log.format=json --state-dir /var/lib/loader")]
pub(crate) struct Run {
    /// The address and port to listen on; port 0 takes any free one
    ///
    /// Short for `--set gateway.listen=ADDR:PORT`.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    /// Prints one line of JSON, `{"url","pid","token_file"}`, once it serves, and nothing else
    #[arg(long)]
    pub(crate) ready_json: bool,

    /// Also starts plugins that crashed the gateway before
    ///
    /// What is remembered of them stays: `loader plugins quarantine clear ID` forgets it. Starts a gateway,
    /// too, that crashed again and again.
    #[arg(long)]
    pub(crate) no_safe_boot: bool,
}

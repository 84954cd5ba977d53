//! `loader services`.

use clap::Subcommand;

/// Look at the services of plugins that work as long as the gateway serves
#[derive(Subcommand)]
pub(crate) enum Services {
    /// List the services in the order they are started, and how each is
    List,
}

//! `loader hooks`.

use clap::Subcommand;

/// Look at the hooks by which plugins take part in what the gateway does
#[derive(Subcommand)]
pub(crate) enum Hooks {
    /// List the hooks, event by event, each in the order they are called
    ///
    /// Asks the gateway that runs with the same state folder, or starts the plugins to find out.
    List,
}

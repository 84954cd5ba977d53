//! `loader reloads`.

use clap::{Args, Subcommand};

/// Look at how the running gateway replaced plugins
///
/// Each reload is a transaction with a number: its steps with their times, what came of it, and why.
#[derive(Subcommand)]
pub(crate) enum Reloads {
    /// List the reloads since the gateway started
    List,
    Show(Show),
    Wait(Wait),
}

/// Show one reload: its steps, its verdict, what went wrong and what mends it
#[derive(Args)]
pub(crate) struct Show {
    /// The reload's number
    #[arg(value_name = "NUMBER")]
    pub(crate) number: u64,
}

/// Wait until nothing is left to do for a reload, and show it
///
/// Ends with 0 when the fresh generation was kept or nothing had changed, and with 1 otherwise.
#[derive(Args)]
pub(crate) struct Wait {
    /// The reload's number
    #[arg(value_name = "NUMBER")]
    pub(crate) number: u64,
}

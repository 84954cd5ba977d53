//! `loader tasks`.

use clap::{Args, Subcommand};

/// Look at the tasks that plugins have done every so often, and run one now
///
/// Asks the gateway that runs with the same state folder. Without one the plugins are started for the
/// time of the command, and no task runs by itself.
#[derive(Subcommand)]
pub(crate) enum Tasks {
    /// List the tasks, when each is due, and how its runs went
    List,
    Run(RunTask),
}

/// Run a task now, whatever its interval says, and wait for it
#[derive(Args)]
pub(crate) struct RunTask {
    /// The task's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

//! The hidden command that the program starts itself with to try a library.

use std::path::PathBuf;

use clap::Args;

/// Open one library, say how far it came, and end
///
/// Not for people: the program starts itself like this before it opens a library that is new to it.
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct Trial {
    /// The private copy of the library
    #[arg(value_name = "FILE")]
    pub(crate) library: PathBuf,

    /// The processor time it may use
    #[arg(value_name = "SECONDS")]
    pub(crate) processor_seconds: u64,
}

impl Trial {
    /// The command's name.
    pub(crate) const COMMAND: &str = "try-library";
}

//! `loader abi`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Look at the interface between the gateway and its plugins
#[derive(Subcommand)]
pub(crate) enum Abi {
    Explain(Explain),
}

/// Say whether a library and this host understand each other, and if not, who builds what again
///
/// Reads the library's metadata and nothing else: the file may be for any platform, and nothing of it
/// is run. Says which interface each side speaks, what came in between, which versions of contracts
/// meet, and the command that mends it.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader abi explain plugins/hello/libhello.so
  loader abi explain --json hello.dll")]
pub(crate) struct Explain {
    /// The library
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

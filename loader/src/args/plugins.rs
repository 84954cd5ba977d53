//! `loader plugins`.

use clap::{Args, Subcommand};

/// Look at plugins without running any of their code
#[derive(Subcommand)]
pub(crate) enum Plugins {
    /// List every plugin that is found and whether it would be loaded
    List,
    Inspect(Inspect),
}

/// Show everything about one plugin: its manifest, its library, and why it would be loaded or not
#[derive(Args)]
pub(crate) struct Inspect {
    /// The plugin's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

//! `loader plugins test`, and the hidden command that the program starts itself with for it.

use std::path::PathBuf;

use clap::Args;

/// Ask a built plugin for everything its contracts promise
///
/// Loads the library in a process of its own, with services that stand in for the gateway and without
/// a network, and asks for each promise of each contract. What is broken is shown with what to
/// change. Ends with 1 when a promise is broken, and with 4 when there is no such plugin or no library.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader plugins test .                                   the plugin of this crate, once it is built
  loader plugins test target/release/plugins/echo         a plugin that is laid out
  loader plugins test . --only tool/1 --timeout 30        its tools alone, with more time
  loader plugins test . --plugin-config '{\"key\": \"secret:k\"}' --secret k=abc
  loader plugins test . --junit target/junit.xml          for a build service")]
pub(crate) struct Test {
    /// The folder with the plugin's manifest, or its manifest or library
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// The plugin's configuration: a JSON object, or a file of JSON or TOML
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) plugin_config: Option<String>,

    /// A secret that the plugin may fetch; may be given several times
    #[arg(long = "secret", value_name = "NAME=VALUE", value_parser = secret)]
    pub(crate) secrets: Vec<(String, String)>,

    /// Only the promises of this contract, such as `tool/1`, or of every plugin: `plugin`
    #[arg(long, value_name = "CONTRACT")]
    pub(crate) only: Option<String>,

    /// Write a report as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// How long one answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

fn secret(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Ask a plugin in this process, say what happens, and end
///
/// Not for people: the program starts itself like this for `plugins test`.
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct TestChild {}

impl TestChild {
    /// The command's name.
    pub(crate) const COMMAND: &str = "test-library";
}

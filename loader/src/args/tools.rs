//! `loader tools`.

use clap::{Args, Subcommand};

/// List the tools of plugins, and call them
///
/// Asks the gateway that runs with the same state folder, or starts the plugins for the time of the
/// command.
#[derive(Subcommand)]
pub(crate) enum Tools {
    /// List every tool, whose it is, and whether models are offered it
    List,
    Call(CallTool),
}

/// Have a tool do something
///
/// The arguments are checked against the tool's schema, which `loader tools list --json` shows. What the
/// tool answers goes to standard output; when it says that it could not be done, the command ends with 1.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader tools call calculate --arg 'expression=2^10'
  loader tools call calculate '{\"expression\": \"1/3 + 1/6\"}'
  loader tools call file_search --arg text=needle --arg 'name=*.md' --json")]
pub(crate) struct CallTool {
    /// The tool's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The arguments as one JSON object
    #[arg(value_name = "JSON", conflicts_with = "arguments")]
    pub(crate) object: Option<String>,

    /// One argument; can be repeated. The value is text where the tool takes text, else JSON
    #[arg(long = "arg", value_name = "KEY=VALUE", value_parser = argument)]
    pub(crate) arguments: Vec<(String, String)>,
}

/// Reads `key=value`.
fn argument(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or("there is no `=`; write it like `expression=6*7`")?;
    Ok((key.to_owned(), value.to_owned()))
}

//! `loader completions`: a script for a shell, made from the same definitions as the arguments.

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use crate::args::Arguments;
use crate::output::{Answer, Outcome};

/// Writes the script.
pub(super) fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "loader", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    let data = json!({ "shell": shell.to_string(), "script": text });
    Answer { text, data, warnings: Vec::new() }.into()
}

//! `loader completions`: a script for a shell, made from the same definitions as the arguments, with the
//! commands of the plugins that are switched on.

use clap_complete::Shell;
use serde_json::json;

use crate::output::{Answer, Outcome};

/// Writes the script that completes this program's arguments.
pub(super) fn completions(shell: Shell, mut program: clap::Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "loader", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    let data = json!({ "shell": shell.to_string(), "script": text });
    Answer { text, data, warnings: Vec::new() }.into()
}

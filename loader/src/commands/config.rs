//! `loader config`: looks at the configuration.

mod apply;
mod validate;

use serde_json::json;

pub(super) use self::apply::apply;
pub(super) use self::validate::{check_values, missing_secrets, validate};

use crate::context::Context;
use crate::output::{Answer, CommandResult, Outcome};

/// Shows every setting in effect, where its value came from, and the files that were read.
pub(super) fn show(context: &Context) -> CommandResult {
    let resolved = &context.resolved;
    let files = resolved.files.iter();
    let listed: String = files
        .clone()
        .map(|file| format!("# {} file: {}\n", file.layer, file.path.display()))
        .collect();
    let files: Vec<_> =
        files.map(|file| json!({ "layer": file.layer, "path": file.path })).collect();
    Ok(Answer {
        text: format!("{listed}{}", resolved.show_text()),
        data: json!({ "settings": resolved.show_json(), "files": files }),
        warnings: context.warnings(),
    }
    .into())
}

/// Prints the JSON Schema of `loader.toml`.
pub(super) fn schema() -> Outcome {
    let schema = loader_gateway::config::schema();
    Answer { text: format!("{schema:#}\n"), data: schema, warnings: Vec::new() }.into()
}

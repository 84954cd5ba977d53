//! What can be wrong with tools and with those who call them.

use super::Tool;
use loader_abi::class;
use loader_core::{Capability, message::Failure, nearest::nearest};

/// There is no tool of this name.
pub(super) fn unknown(name: &str, known: Vec<&str>) -> Failure {
    let hint = match (nearest(name, known.iter().copied()), known.as_slice()) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, []) => "no plugin that is loaded has tools: loader plugins list".to_owned(),
        (None, known) => format!("there are: {}", known.join(", ")),
    };
    let message = format!("there is no tool `{}`", name.escape_debug());
    Failure::new(class::NOT_FOUND, "LDR-TOOL-UNKNOWN", message).hint(hint)
}

/// A plugin does not say, in words that can be used, what its tool takes.
pub(super) fn schema(capability: &Capability, why: &str) -> Failure {
    let Capability { id, plugin, .. } = capability;
    let message = format!("the tool `{id}` of the plugin `{plugin}` cannot be used: {why}");
    Failure::new(class::INTERNAL, "LDR-TOOL-SCHEMA", message)
        .hint(format!("loader plugins inspect {plugin}"))
}

/// Arguments do not match the tool's schema.
pub(super) fn arguments(tool: &Tool, why: &str) -> Failure {
    let name = &tool.listed.name;
    let message = format!("the arguments for the tool `{name}` are wrong: {why}");
    Failure::new(class::INVALID, "LDR-TOOL-ARGUMENTS", message)
        .hint("loader tools list --json shows what each tool takes")
}

/// An answer breaks the contract.
pub(super) fn answer(tool: &Tool, what: &str) -> Failure {
    let message = format!("{} {what}", told(tool));
    Failure::new(class::INTERNAL, "LDR-TOOL-ANSWER", message)
        .hint(format!("loader plugins inspect {}", tool.listed.plugin))
}

/// What a call ended with, with the names of whom it is about.
pub(super) fn named(tool: &Tool, failure: Failure) -> Failure {
    if failure.code == "LDR-TOOL-ANSWER" || !failure.is_own_fault() {
        return failure;
    }
    let hint = match failure.hint.is_empty() {
        true => format!("loader plugins inspect {}", tool.listed.plugin),
        false => failure.hint,
    };
    let message = format!("{}: {}", told(tool), failure.message);
    Failure { message, hint, ..failure }
}

fn told(tool: &Tool) -> String {
    format!("the tool `{}` of the plugin `{}`", tool.listed.name, tool.listed.plugin)
}

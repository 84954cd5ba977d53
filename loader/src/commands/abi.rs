//! `loader abi explain`: a library against this host, from its metadata alone.

use loader_abi::facts::Facts;
use loader_core::explain::{self, ContractSides, Explanation, Interface, Side};
use serde_json::json;

use crate::args::Explain;
use crate::commands::library;
use crate::output::{Answer, CommandResult, harmless};

/// Explains one library.
pub(super) fn explain(arguments: &Explain) -> CommandResult {
    let bytes = library::read(&arguments.file)?;
    let explanation = explain::explain(&bytes, &loader_gateway::contracts());
    let mut data = json!(explanation);
    data["file"] = json!(arguments.file);
    Ok(Answer { text: write(&explanation), data, warnings: Vec::new() }.into())
}

/// At most ten lines.
fn write(explanation: &Explanation) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{name:<12} {}\n", harmless(value).replace('\n', " ")));
        }
    };
    let verdict = if explanation.fits { "it fits this host" } else { "it does not fit this host" };
    line("verdict", verdict);
    line("because", &explanation.reasons.join("; "));
    line("interface", &interface(explanation));
    line("in between", &in_between(&explanation.interface));
    let contracts = explanation.contracts.iter().map(contract);
    line("contracts", &contracts.collect::<Vec<_>>().join(", "));
    line("file", explanation.platform.as_deref().unwrap_or_default());
    line("built", &explanation.library.as_ref().map(built).unwrap_or_default());
    line("this host", &format!("interface {}, {}", explanation.host.abi, explanation.host.target));
    if let Some(remedy) = &explanation.remedy {
        let who = match remedy.side {
            Side::Host => "this host's operator",
            Side::Author => "whoever builds the plugin",
        };
        line("who mends it", who);
        line("how", &remedy.command);
    }
    text
}

fn interface(explanation: &Explanation) -> String {
    let library = match &explanation.library {
        Some(facts) => facts.abi.as_str(),
        None => "not known",
    };
    let meaning = match explanation.interface {
        Interface::Unknown => "",
        Interface::Same => ": the same",
        Interface::LibraryIsOlder(_) => ": the host does without what the library lacks",
        Interface::HostIsOlder => ": the library does without what the host lacks",
        Interface::Unrelated => ": nothing in common",
    };
    format!("library {library}, host {}{meaning}", explanation.host.abi)
}

fn in_between(interface: &Interface) -> String {
    match interface {
        Interface::LibraryIsOlder(added) => {
            let added = added.iter();
            let added = added.map(|one| format!("{} added {}", one.version, one.names.join(", ")));
            added.collect::<Vec<_>>().join("; ")
        }
        Interface::HostIsOlder => "additions that this host has not heard of".to_owned(),
        Interface::Unknown | Interface::Same | Interface::Unrelated => String::new(),
    }
}

fn contract(sides: &ContractSides) -> String {
    match sides.host {
        Some((lowest, highest)) if lowest == highest => {
            format!("{} (host: {lowest})", sides.library)
        }
        Some((lowest, highest)) => format!("{} (host: {lowest} to {highest})", sides.library),
        None => format!("{} (host: no use for it)", sides.library),
    }
}

fn built(facts: &Facts) -> String {
    let plugins: Vec<&str> = facts.plugins.iter().map(|plugin| plugin.id.as_str()).collect();
    let parts = [
        format!("{} {}", plugins.join(", "), facts.version),
        facts.target.clone(),
        facts.rustc.clone(),
        facts.sdk.clone(),
        format!("panic = {}", facts.panic),
    ];
    parts.join("; ")
}

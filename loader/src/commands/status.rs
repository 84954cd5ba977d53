//! `loader status`: how the running gateway and its plugins are doing.

use std::collections::BTreeMap;

use loader_core::diagnostic::Diagnostic;
use loader_gateway::Signals;
use serde_json::{Value, json};

use super::gateway::Running;
use super::told::{list, section, text};
use crate::args::Status;
use crate::context::Context;
use crate::output::{Answer, CommandResult};

/// Asks the gateway that runs with the state folder.
pub(super) fn status(context: &Context, wanted: &Status) -> CommandResult {
    let gateway = Running::find(context)?;
    let mut status = gateway.ask("/admin/status")?;
    status["url"] = json!(gateway.url());
    let signals = wanted.all.then(|| signals(context));
    let text = write(&status, signals.as_ref());
    if let Some(signals) = signals {
        status["signals"] = json!(signals);
    }
    Ok(Answer { text, data: status, warnings: context.warnings() }.into())
}

/// What a start with this configuration would say of each plugin, by id.
fn signals(context: &Context) -> BTreeMap<String, Signals> {
    let survey = loader_gateway::survey(&context.gateway_settings(None));
    let plugins = survey.plugins.iter();
    let signals = plugins.map(|one| (one.candidate.id().to_owned(), Signals::of(&survey, one)));
    signals.collect()
}

fn write(status: &Value, signals: Option<&BTreeMap<String, Signals>>) -> String {
    let (release, url) = (text(&status["release"]), text(&status["url"]));
    let mut written = format!("{release} serves at {url}\n");
    match signals {
        None => written.push_str(&plugins(&status["plugins"])),
        Some(signals) => {
            written.push_str(&plugins_with(signals, &status["plugins"]));
            written.push_str(&findings(signals));
            written.push_str(&accounts(&status["accounts"]));
            written.push_str(&retained(&status["retained"]));
        }
    }
    written
}

/// The plugins that are switched on.
fn plugins(plugins: &Value) -> String {
    let wanted = list(plugins).iter().filter(|plugin| plugin["status"] != "disabled");
    section(COLUMNS, &wanted.map(row).collect::<Vec<_>>())
}

/// Every plugin, and what a start would say of it.
fn plugins_with(signals: &BTreeMap<String, Signals>, plugins: &Value) -> String {
    let rows = list(plugins).iter().map(|plugin| {
        let [id, version, phase, generation, in_flight, breaker] = row(plugin);
        let said = signals.get(&id);
        let signal = said.map_or("not here", |said| said.signal.name()).to_owned();
        let shape = said.map_or("-", |said| said.shape.name()).to_owned();
        [id, version, phase, generation, in_flight, breaker, shape, signal]
    });
    let [a, b, c, d, e, f] = COLUMNS;
    section([a, b, c, d, e, f, "SHAPE", "A START WOULD SAY"], &rows.collect::<Vec<_>>())
}

/// What a start would say, in the words of everybody else.
fn findings(signals: &BTreeMap<String, Signals>) -> String {
    let said = signals.values().flat_map(|one| &one.findings);
    let row = |finding: &Diagnostic| {
        let plugin = finding.plugin.clone().unwrap_or_default();
        let hint = finding.hint.clone().unwrap_or_default();
        [plugin, finding.code.to_owned(), finding.message.clone(), hint]
    };
    section(["PLUGIN", "CODE", "WHAT", "WHAT MENDS IT"], &said.map(row).collect::<Vec<_>>())
}

const COLUMNS: [&str; 6] = ["PLUGIN", "VERSION", "PHASE", "GENERATION", "IN FLIGHT", "BREAKER"];

fn row(plugin: &Value) -> [String; 6] {
    let stats = &plugin["stats"];
    let breaker = match stats["breaker_open"].as_bool() {
        Some(true) => "open",
        Some(false) => "closed",
        None => "-",
    };
    [
        text(&plugin["id"]),
        text(&plugin["version"]),
        text(&plugin["status"]),
        text(&stats["generation"]),
        text(&stats["in_flight"]),
        breaker.to_owned(),
    ]
}

fn accounts(accounts: &Value) -> String {
    let row =
        |account: &Value| ["channel", "account", "state", "detail"].map(|key| text(&account[key]));
    let rows: Vec<_> = list(accounts).iter().map(row).collect();
    section(["CHANNEL", "ACCOUNT", "STATE", "DETAIL"], &rows)
}

/// What could not leave the process, and why.
fn retained(retained: &Value) -> String {
    let row =
        |one: &Value| ["plugin", "generation", "outcome", "reason"].map(|key| text(&one[key]));
    let rows: Vec<_> = list(retained).iter().map(row).collect();
    section(["KEPT", "GENERATION", "HOW", "WHY"], &rows)
}

//! `loader status`: how the running gateway and its plugins are doing.

use std::collections::BTreeMap;

use loader_core::Surveyed;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use super::plugins::Signal;
use crate::args::Status;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, harmless, table};
use crate::running::RunningGateway;
use crate::shell;
use crate::state_dir::{Holder, StateDir};
use crate::token::Token;

/// Asks the gateway that runs with the state folder.
pub(super) fn status(context: &Context, wanted: &Status) -> CommandResult {
    let gateway = find(context)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Finding::error("LDR-RUNTIME", format!("cannot start threads: {error}")))?;
    let mut status = runtime.block_on(gateway.status())?;
    status["url"] = json!(gateway.url);
    let signals = wanted.all.then(|| signals(context));
    let text = write(&status, signals.as_ref());
    if let Some(signals) = signals {
        status["signals"] = json!(signals);
    }
    Ok(Answer { text, data: status, warnings: context.warnings() }.into())
}

/// The gateway that runs with the state folder. Makes no folder and claims none.
pub(super) fn find(context: &Context) -> Result<RunningGateway, Finding> {
    let path = context.state_dir()?;
    let none = || {
        let folder = context.unusual_state_dir();
        let option = folder.map(|it| format!(" --state-dir {}", shell::word(it)));
        Finding::error("LDR-RUN-NONE", "no gateway runs with this state folder")
            .at(path)
            .hint(format!("start one: loader run{}", option.unwrap_or_default()))
    };
    if !path.exists() {
        return Err(none());
    }
    let state = StateDir::open(path)?;
    match state.holder()? {
        Some(Holder { url: Some(url), .. }) => Ok(RunningGateway::new(url, Token::read(&state)?)),
        _ => Err(none()),
    }
}

/// What a start with this configuration would say of each plugin, by id.
fn signals(context: &Context) -> BTreeMap<String, Signal> {
    let survey = loader_gateway::survey(&context.gateway_settings(None));
    let signal = |plugin: &Surveyed| (plugin.candidate.id().to_owned(), Signal::of(plugin));
    survey.plugins.iter().map(signal).collect()
}

fn write(status: &Value, signals: Option<&BTreeMap<String, Signal>>) -> String {
    let (release, url) = (text(&status["release"]), text(&status["url"]));
    let mut written = format!("{release} serves at {url}\n");
    match signals {
        None => written.push_str(&plugins(&status["plugins"])),
        Some(signals) => {
            written.push_str(&plugins_with(signals, &status["plugins"]));
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
fn plugins_with(signals: &BTreeMap<String, Signal>, plugins: &Value) -> String {
    let rows = list(plugins).iter().map(|plugin| {
        let [id, version, phase, generation, in_flight, breaker] = row(plugin);
        let signal = signals.get(&id).map_or("not here", |signal| signal.name());
        [id, version, phase, generation, in_flight, breaker, signal.to_owned()]
    });
    let [a, b, c, d, e, f] = COLUMNS;
    section([a, b, c, d, e, f, "A START WOULD SAY"], &rows.collect::<Vec<_>>())
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

/// A table after an empty line; nothing without rows.
fn section<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() { String::new() } else { format!("\n{}", table(heading, rows)) }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// One cell: what the gateway says, on one line and without power over the terminal.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => harmless(text).replace('\n', " "),
        other => other.to_string(),
    }
}

//! `loader config apply`: the running gateway reads its configuration again.

use serde_json::Value;

use crate::args::ConfigApply;
use crate::commands::gateway::Running;
use crate::commands::told::{list, text};
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Outcome};

/// Asks the gateway that runs with the state folder, and says what came of it.
pub(in crate::commands) fn apply(context: &Context, wanted: &ConfigApply) -> CommandResult {
    let applied = Running::find(context)?.apply_config(wanted.dry_run)?;
    let mut warnings = context.warnings();
    warnings.extend(findings(&applied));
    let failed = warnings.iter().any(Finding::is_error);
    let answer = Answer { text: write(&applied, wanted.dry_run), data: applied, warnings };
    Ok(if failed { Outcome::Objected(answer) } else { answer.into() })
}

/// What the gateway says of plugins and accounts.
fn findings(applied: &Value) -> Vec<Finding> {
    let plugins = list(&applied["plugins"]).iter().flat_map(|change| list(&change["findings"]));
    let accounts = list(&applied["accounts"]).iter().map(|change| &change["finding"]);
    plugins.chain(accounts).filter_map(Finding::from_json).collect()
}

fn write(applied: &Value, is_dry: bool) -> String {
    let mut written = String::new();
    for change in list(&applied["plugins"]) {
        let failed = list(&change["findings"]).iter().any(|finding| finding["severity"] == "error");
        let action = done(&change["action"], is_dry, failed);
        written.push_str(&format!("plugin {}: {action}\n", text(&change["plugin"])));
    }
    for change in list(&applied["accounts"]) {
        let action = done(&change["action"], is_dry, !change["finding"].is_null());
        let (channel, account) = (text(&change["channel"]), text(&change["account"]));
        written.push_str(&format!("account {channel}/{account}: {action}\n"));
    }
    for key in list(&applied["changed"]) {
        written.push_str(&format!("setting {}\n", text(key)));
    }
    for key in list(&applied["after_restart"]) {
        written.push_str(&format!("after a restart: {}\n", text(key)));
    }
    match (written.is_empty(), is_dry) {
        (true, _) => "Nothing differs from what is in effect.\n".to_owned(),
        (false, true) => format!("{written}Nothing was done: this is what would be.\n"),
        (false, false) => written,
    }
}

/// What is or would be done, in words.
fn done(action: &Value, is_dry: bool, failed: bool) -> String {
    let action = text(action);
    let past = match action.as_str() {
        "adjust" => "adjusted",
        "deny" => "stopped, its bytes are denied",
        "load" => "loaded",
        "unload" => "unloaded",
        "reload" => "reloaded",
        "connect" => "connected",
        "reconnect" => "reconnected",
        "disconnect" => "disconnected",
        _ => return action,
    };
    match (is_dry, failed && action != "deny") {
        (true, _) => format!("to be {past}"),
        (false, true) => format!("could not be {past}"),
        (false, false) => past.to_owned(),
    }
}

//! `loader hooks list`: who takes part in what, and in which order.

use std::collections::BTreeMap;

use loader_contract::hook::{CONTRACT, HookList, ListedHook, method};
use serde_json::{Value, json};

use super::call::asking;
use crate::context::Context;
use crate::output::{Answer, CommandResult, Output, harmless, table};

/// Lists the hooks.
pub(super) fn list(context: &Context, output: &Output) -> CommandResult {
    asking(context, output, "hooks", async |partner| {
        let listed: HookList = partner.answer(&format!("{CONTRACT}/{}", method::LIST), &()).await?;
        let hooks = numbered(listed.hooks);
        let text = write(&hooks);
        let data = json!({ "hooks": hooks.iter().map(describe).collect::<Vec<_>>() });
        Ok(Answer { text, data, warnings: Vec::new() }.into())
    })
}

/// Each hook with its place among those of its event.
fn numbered(hooks: Vec<ListedHook>) -> Vec<(usize, ListedHook)> {
    let mut places = BTreeMap::<String, usize>::new();
    let numbered = hooks.into_iter().map(|hook| {
        let place = places.entry(hook.on.clone()).or_default();
        *place += 1;
        (*place, hook)
    });
    numbered.collect()
}

fn write(hooks: &[(usize, ListedHook)]) -> String {
    if hooks.is_empty() {
        return "No plugin has a hook.\n".to_owned();
    }
    let row = |(place, hook): &(usize, ListedHook)| {
        let event = match hook.name.as_str() {
            "" => hook.on.clone(),
            name => format!("{} {}", hook.on, harmless(name)),
        };
        [
            event,
            place.to_string(),
            hook.priority.to_string(),
            hook.plugin.clone(),
            hook.id.clone(),
            format!("{} ms", hook.deadline_ms),
            on_failure(hook).to_owned(),
        ]
    };
    let rows: Vec<_> = hooks.iter().map(row).collect();
    table(["EVENT", "ORDER", "PRIORITY", "PLUGIN", "HOOK", "DEADLINE", "ON FAILURE"], &rows)
}

fn describe((place, hook): &(usize, ListedHook)) -> Value {
    json!({
        "event": hook.on,
        "order": place,
        "priority": hook.priority,
        "plugin": hook.plugin,
        "hook": hook.id,
        "name": if hook.name.is_empty() { Value::Null } else { json!(hook.name) },
        "deadline_ms": hook.deadline_ms,
        "on_failure": on_failure(hook),
    })
}

fn on_failure(hook: &ListedHook) -> &'static str {
    if hook.open { "open" } else { "closed" }
}

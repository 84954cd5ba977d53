//! `loader reloads` and `loader plugins reload`: replacing plugins of the running gateway.

use serde_json::{Value, json};

use super::gateway::Running;
use super::told::{list, section, text};
use crate::args::{Reload, Reloads};
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Outcome, Refusal};

/// Does what the arguments ask for.
pub(super) fn execute(command: &Reloads, context: &Context) -> CommandResult {
    let gateway = Running::find(context)?;
    match command {
        Reloads::List => {
            let reloads = gateway.ask("/admin/reloads")?;
            let (text, warnings) = (table(&reloads), context.warnings());
            Ok(Answer { text, data: reloads, warnings }.into())
        }
        Reloads::Show(wanted) => {
            let reload = gateway.ask(&format!("/admin/reloads/{}", wanted.number));
            Ok(answer(reload.map_err(refusal)?, context).into())
        }
        Reloads::Wait(wanted) => tell(wait(&gateway, wanted.number, "over")?, context),
    }
}

/// `loader plugins reload`.
pub(super) fn reload(context: &Context, wanted: &Reload) -> CommandResult {
    let gateway = Running::find(context)?;
    let mut wish = json!({ "discard_state": wanted.discard_state });
    if let Some(window) = wanted.window {
        wish["window_ms"] = json!(window);
    }
    let path = format!("/admin/plugins/{}/reload", spelled(&wanted.id));
    let begun = gateway.tell(&path, &wish).map_err(refusal)?;
    let number = begun["id"].as_u64().unwrap_or_default();
    let until = if wanted.no_wait { "published" } else { "decided" };
    tell(wait(&gateway, number, until)?, context)
}

/// Waits for a reload to be `published`, `decided` or `over`. The gateway limits how long one answer may
/// take.
fn wait(gateway: &Running, number: u64, until: &str) -> Result<Value, Refusal> {
    loop {
        match gateway.ask(&format!("/admin/reloads/{number}?wait={until}")) {
            Err(finding) if finding.code == "LDR-CALL-DEADLINE" => {}
            reload => return reload.map_err(refusal),
        }
    }
}

/// The refusal that the gateway's answer makes.
fn refusal(finding: Finding) -> Refusal {
    let is_unknown = matches!(&*finding.code, "LDR-RELOAD-UNKNOWN" | "LDR-RELOAD-NUMBER");
    Refusal::new(if is_unknown { Exit::NotFound } else { Exit::Failure }, finding)
}

/// An id as part of a path. Those of packs have a `/`.
fn spelled(id: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let spell = |byte| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    id.bytes().map(spell).collect()
}

/// Shows a reload; one that left the old generation serving is a failure.
fn tell(reload: Value, context: &Context) -> CommandResult {
    let answer = answer(reload, context);
    Ok(match answer.data["verdict"].as_str() {
        Some("refused" | "returned") => Outcome::Objected(answer),
        _ => answer.into(),
    })
}

/// A reload as it is told: its steps, and what there was to find.
fn answer(reload: Value, context: &Context) -> Answer {
    let mut warnings = context.warnings();
    warnings.extend(list(&reload["findings"]).iter().filter_map(Finding::from_json));
    Answer { text: describe(&reload), data: reload, warnings }
}

fn table(reloads: &Value) -> String {
    if list(reloads).is_empty() {
        return "Nothing was reloaded since the gateway started.\n".to_owned();
    }
    let rows: Vec<_> = list(reloads).iter().map(row).collect();
    let table =
        section(["NUMBER", "PLUGIN", "WHY", "FROM", "TO", "VERDICT", "MS", "BECAUSE"], &rows);
    table.trim_start().to_owned()
}

fn row(reload: &Value) -> [String; 8] {
    [
        text(&reload["id"]),
        text(&reload["plugin"]),
        text(&reload["cause"]),
        text(&reload["from"]["generation"]),
        text(&reload["to"]["generation"]),
        verdict(reload),
        milliseconds(&reload["decided_us"]),
        text(&errors(reload).next().unwrap_or(&Value::Null)["message"]),
    ]
}

/// What came of it, or what is being done.
fn verdict(reload: &Value) -> String {
    if reload["verdict"].is_null() {
        format!("{}…", text(&reload["state"]))
    } else {
        text(&reload["verdict"])
    }
}

fn errors(reload: &Value) -> impl Iterator<Item = &Value> {
    list(&reload["findings"]).iter().filter(|finding| finding["severity"] == "error")
}

fn milliseconds(micros: &Value) -> String {
    micros.as_f64().map_or_else(|| "-".to_owned(), |micros| format!("{:.1}", micros / 1000.0))
}

fn describe(reload: &Value) -> String {
    let (plugin, number) = (text(&reload["plugin"]), text(&reload["id"]));
    let mut words = format!("Reload {number} of {plugin}: {}\n", verdict(reload));
    for (what, life) in [("from", &reload["from"]), ("to", &reload["to"])] {
        if life.is_object() {
            let (generation, version) = (text(&life["generation"]), text(&life["version"]));
            let digest: String = text(&life["digest"]).chars().take(12).collect();
            words.push_str(&format!(
                "  {what:<5} generation {generation}, version {version}, {digest}\n"
            ));
        }
    }
    let rows: Vec<_> = list(&reload["steps"])
        .iter()
        .map(|step| {
            [
                text(&step["name"]),
                milliseconds(&step["at_us"]),
                milliseconds(&step["took_us"]),
                text(&step["went"]),
            ]
        })
        .collect();
    words.push_str(&section(["STEP", "AT MS", "TOOK MS", ""], &rows));
    words
}

//! `loader reloads` and `loader plugins reload`: replacing plugins of the running gateway.

use serde_json::{Value, json};

use super::site::Running;
use super::status::{list, section, text};
use crate::args::{Reload, Reloads};
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Outcome};

/// Does what the arguments ask for.
pub(super) fn execute(command: &Reloads, context: &Context) -> CommandResult {
    let gateway = Running::find(context)?;
    match command {
        Reloads::List => {
            let reloads = gateway.ask("/admin/reloads")?;
            Ok(answer(table(&reloads), reloads, context).into())
        }
        Reloads::Show(wanted) => {
            let reload = gateway.ask(&format!("/admin/reloads/{}", wanted.number))?;
            Ok(answer(describe(&reload), reload, context).into())
        }
        Reloads::Wait(wanted) => tell(over(&gateway, &format!("{}", wanted.number))?, context),
    }
}

/// `loader plugins reload`.
pub(super) fn reload(context: &Context, wanted: &Reload) -> CommandResult {
    let gateway = Running::find(context)?;
    let mut wish = json!({ "discard_state": wanted.discard_state, "wait": "published" });
    if let Some(window) = wanted.window {
        wish["window_ms"] = json!(window);
    }
    let path = format!("/admin/plugins/{}/reload", wanted.id);
    let reload = gateway.tell(&path, &wish)?;
    let is_decided = !reload["verdict"].is_null();
    if wanted.no_wait || is_decided {
        return tell(reload, context);
    }
    tell(over(&gateway, &text(&reload["id"]))?, context)
}

/// Waits until it is known which generation serves. The gateway limits how long one answer may take.
fn over(gateway: &Running, number: &str) -> Result<Value, Finding> {
    loop {
        match gateway.ask(&format!("/admin/reloads/{number}?wait=decided")) {
            Err(finding) if finding.code == "LDR-CALL-DEADLINE" => {}
            reload => return reload,
        }
    }
}

/// Shows a reload; one that left the old generation serving is a failure.
fn tell(reload: Value, context: &Context) -> CommandResult {
    let answer = answer(describe(&reload), reload, context);
    Ok(match answer.data["verdict"].as_str() {
        Some("refused" | "returned") => Outcome::Objected(answer),
        _ => answer.into(),
    })
}

fn answer(text: String, data: Value, context: &Context) -> Answer {
    Answer { text, data, warnings: context.warnings() }
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
    for finding in list(&reload["findings"]) {
        let (severity, code) = (text(&finding["severity"]), text(&finding["code"]));
        words.push_str(&format!("\n{severity}[{code}]: {}\n", text(&finding["message"])));
        if let Some(hint) = finding["hint"].as_str() {
            words.push_str(&format!("  hint: {}\n", crate::output::harmless(hint)));
        }
    }
    words
}

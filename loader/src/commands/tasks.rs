//! `loader tasks`: what plugins have done every so often.

use jiff::SignedDuration;
use loader_contract::scheduled_task::{CONTRACT, ListedTask, Run, RunReport, TaskList, method};
use loader_core::moment;
use serde_json::json;

use super::call::asking;
use crate::args::Tasks;
use crate::context::Context;
use crate::output::{Answer, CommandResult, Output, harmless, table};

/// Does what the arguments ask for.
pub(super) fn execute(wanted: &Tasks, context: &Context, output: &Output) -> CommandResult {
    match wanted {
        Tasks::List => list(context, output),
        Tasks::Run(wanted) => run(&wanted.id, context, output),
    }
}

fn list(context: &Context, output: &Output) -> CommandResult {
    let list: TaskList = asking(context, output, "tasks list", async |partner| {
        Ok(partner.answer(&format!("{CONTRACT}/{}", method::LIST), &json!({})).await?)
    })?;
    let rows: Vec<_> = list.tasks.iter().map(row).collect();
    let heading = ["TASK", "PLUGIN", "EVERY", "NEXT", "OK", "FAILED", "SKIPPED", "LAST"];
    let text = if rows.is_empty() { String::new() } else { table(heading, &rows) };
    Ok(Answer { text, data: json!(list), warnings: Vec::new() }.into())
}

fn row(task: &ListedTask) -> [String; 8] {
    let every = i64::try_from(task.interval_ms).map(SignedDuration::from_millis);
    let every = match every {
        Ok(every) if !every.is_zero() => format!("{every:#}"),
        _ => "-".to_owned(),
    };
    let next = match (task.enabled, task.next_ms.map(told)) {
        (false, _) => "off".to_owned(),
        (true, Some(next)) => next,
        (true, None) => "-".to_owned(),
    };
    let last = match (task.running, task.last_ms.map(told)) {
        (true, _) => "runs now".to_owned(),
        (false, Some(last)) => last,
        (false, None) => "-".to_owned(),
    };
    let count = |number: u64| number.to_string();
    let (id, plugin) = (task.id.clone(), task.plugin.clone());
    [id, plugin, every, next, count(task.ok), count(task.failed), count(task.skipped), last]
}

fn told(milliseconds: u64) -> String {
    moment::in_words(milliseconds / 1000)
}

fn run(task: &str, context: &Context, output: &Output) -> CommandResult {
    let request = Run { task: task.to_owned(), ..Run::default() };
    let report: RunReport = asking(context, output, "tasks run", async |partner| {
        Ok(partner.answer(&format!("{CONTRACT}/{}", method::RUN), &request).await?)
    })?;
    let said = if report.output.is_empty() { "done" } else { report.output.as_str() };
    let text = format!("{task}: {}\n", harmless(said));
    Ok(Answer { text, data: json!(report), warnings: Vec::new() }.into())
}

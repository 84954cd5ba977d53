//! `loader dev`: serves a plugin under development, and every change of it.
//!
//! The gateway is the one of `loader run`; it follows the plugin's files as always. Beside it one thread
//! looks at the sources and builds them when they change ([`workshop`]), and a task says what became of
//! each build.

mod sources;
mod workshop;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loader_core::Status;
use loader_core::reload::{Reload, Verdict};
use loader_gateway::Gateway;
use tokio::sync::broadcast::error::RecvError;

use self::workshop::Workshop;
use super::plugins::linked;
use super::run::{self, Ground};
use crate::args::Dev;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{CommandResult, Output, Refusal, harmless};

/// How long a fresh build is watched: whoever develops sees for himself.
const WINDOW_MS: i64 = 1_000;

/// The settings that the command is short for.
pub(super) fn flags(arguments: &Dev) -> Vec<(String, toml::Value)> {
    let mut flags = run::flags(&arguments.run);
    flags.push(("plugins.reload.watch".to_owned(), true.into()));
    flags.push(("plugins.reload.window_ms".to_owned(), WINDOW_MS.into()));
    flags
}

/// Builds, serves, and builds again whenever the sources change.
pub(super) fn dev(arguments: &Dev, context: &Context, output: &Output) -> CommandResult {
    let folder = folder_of(&arguments.folder)?;
    let ground = Ground::take("dev", context, output)?;
    let workshop = Arc::new(Workshop::new(folder.clone(), output.clone()));
    workshop.build()?;
    let link = linked::Link::make(context, &folder)?;
    let id = link.id().to_owned();
    let served = ground.serve(&arguments.run, context, output, |gateway| {
        workshop.clone().open();
        tokio::spawn(tell(gateway.clone(), workshop, id));
    });
    ended(served, link.undo(context))
}

/// How it ended. A link that stays hides nothing else that went wrong.
fn ended(served: CommandResult, undone: Result<(), Refusal>) -> CommandResult {
    match (served, undone) {
        (Err(mut refusal), Err(stays)) => {
            refusal.errors.extend(stays.errors);
            Err(refusal)
        }
        (served, undone) => undone.and(served),
    }
}

/// The folder, without symbolic links.
fn folder_of(folder: &Path) -> Result<PathBuf, Finding> {
    let unusable = |why: String| {
        Finding::error("LDR-DEV-FOLDER", why)
            .at(folder)
            .hint("make one: loader new NAME --kind provider; then cd NAME")
    };
    let real =
        folder.canonicalize().map_err(|error| unusable(format!("no such folder: {error}")))?;
    for file in ["plugin.toml", "Cargo.toml"] {
        if !real.join(file).is_file() {
            return Err(unusable(format!("the folder has no {file}")));
        }
    }
    Ok(real)
}

/// Says what became of each build of a plugin.
async fn tell(gateway: Gateway, workshop: Arc<Workshop>, id: String) {
    let engine = gateway.engine();
    let is_served =
        || engine.snapshot().plugin(&id).is_some_and(|one| one.status == Status::Served);
    let mut changes = engine.reloads().changes();
    let mut registry = engine.registry().changes();
    let (mut told, mut was_served) = (0, is_served());
    loop {
        let reload = tokio::select! {
            changed = changes.recv() => match changed {
                Ok(reload) => reload,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
            Ok(()) = registry.changed() => {
                // What was not served before is loaded, and nothing is replaced.
                if is_served() && !was_served {
                    workshop.say(&format!("{} is served{}", harmless(&id), since(&workshop)));
                }
                was_served = is_served();
                continue;
            }
        };
        // Once when it serves or will not, and once more should it be sent back.
        let is_returned = reload.verdict == Some(Verdict::Returned);
        if reload.decided_us.is_some() && (reload.id > told || is_returned && reload.is_over()) {
            told = told.max(reload.id);
            workshop.say(&line(&reload, &workshop));
        }
    }
}

fn line(reload: &Reload, workshop: &Workshop) -> String {
    let plugin = harmless(&reload.plugin);
    let error = reload.findings.iter().find(|finding| finding.is_error());
    match (reload.verdict, error) {
        (Some(Verdict::Unchanged), _) => format!("{plugin} is what it was"),
        (None | Some(Verdict::Kept), _) => {
            let took = reload.decided_us.unwrap_or_default() as f64 / 1000.0;
            let since = since(workshop);
            let state = if reload.steps.iter().any(|step| step.name == "import") {
                " with its state"
            } else {
                ""
            };
            format!("{plugin} is replaced{state} in {took:.0} ms{since}")
        }
        (Some(Verdict::Refused | Verdict::Returned), error) => {
            let why = error.map_or_else(String::new, ToString::to_string);
            format!("{plugin} is as before: {}", harmless(&why))
        }
    }
}

/// How long ago the compiler ended, if that was lately.
fn since(workshop: &Workshop) -> String {
    workshop.since_built().map_or(String::new(), |since| {
        format!(", {:.0} ms after the compiler ended", since.as_secs_f64() * 1e3)
    })
}

//! `loader new`: the crate of a new plugin, whole or not at all.

mod draft;
mod name;
mod sdk;
mod template;

use std::iter;
use std::path::{Path, PathBuf};

use serde_json::json;

use self::name::Name;
use self::sdk::Sdk;
use crate::args::New;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, harmless};
use crate::shell;

/// Makes the crate.
pub(super) fn new(wanted: &New) -> CommandResult {
    let name = Name::read(&wanted.name, wanted.kind).map_err(|why| unusable(wanted, &why))?;
    let sdk = Sdk::find(wanted.sdk.as_deref()).map_err(|why| no_sdk(wanted, &why))?;
    let folder = wanted.path.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    // Whatever it is, also a link that leads nowhere.
    if folder.symlink_metadata().is_ok() {
        return Err(taken(wanted, &folder).into());
    }
    let files = template::files(wanted.kind, &name, &sdk);
    draft::write(&folder, &files)?;
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    let next = next_commands(&folder);
    let kind = wanted.kind.name();
    let written = harmless(&folder.display().to_string());
    let lines: String = next.iter().map(|command| format!("  {command}\n")).collect();
    Ok(Answer {
        text: format!("{} is a new {kind} in {written}\n\nNext:\n{lines}", name.as_str()),
        data: json!({
            "id": name.as_str(),
            "kind": kind,
            "path": folder,
            "sdk": sdk.describe(),
            "files": files.iter().map(|file| file.path).collect::<Vec<_>>(),
            "next": next,
        }),
        warnings: Vec::new(),
    }
    .into())
}

/// What the README of the new plugin says too.
fn next_commands(folder: &Path) -> Vec<String> {
    vec![
        format!("cd {}", shell::word(folder)),
        "cargo build --release".to_owned(),
        "loader plugins link .".to_owned(),
        "loader run".to_owned(),
    ]
}

fn unusable(wanted: &New, why: &str) -> Finding {
    let name = name::near(&wanted.name, wanted.kind);
    let command = again(wanted, &name, wanted.path.as_deref(), wanted.sdk.as_deref());
    let written = wanted.name.escape_debug();
    Finding::error("LDR-NEW-NAME", format!("`{written}` cannot be the name of a plugin: {why}"))
        .hint(command)
}

fn no_sdk(wanted: &New, why: &str) -> Finding {
    let sdk = Some("DIR");
    let command = again(wanted, &wanted.name, wanted.path.as_deref(), sdk);
    Finding::error("LDR-NEW-SDK", format!("the SDK is not there: {why}"))
        .hint(format!("say where the repository of loader lies: {command}"))
}

fn taken(wanted: &New, folder: &Path) -> Finding {
    // Beside a folder; in one that is named by no name of its own, such as `..`.
    let plain: PathBuf = match folder.file_name() {
        Some(_) => folder.components().collect(),
        None => folder.join(&wanted.name),
    };
    let others = (2..).map(|number| {
        let mut other = plain.as_os_str().to_owned();
        other.push(format!("-{number}"));
        PathBuf::from(other)
    });
    let mut others = iter::once(plain.clone()).chain(others);
    let free = others.find(|other| other.symlink_metadata().is_err());
    let command = again(wanted, &wanted.name, free.as_deref(), wanted.sdk.as_deref());
    Finding::error("LDR-NEW-EXISTS", "it exists already, and is left as it is")
        .at(folder)
        .hint(command)
}

/// The same command with something else in it.
fn again(wanted: &New, name: &str, path: Option<&Path>, sdk: Option<&str>) -> String {
    let mut command = format!("loader new {} --kind {}", shell::word(name), wanted.kind.name());
    if let Some(path) = path {
        command.push_str(&format!(" --path {}", shell::word(path)));
    }
    if let Some(sdk) = sdk {
        command.push_str(&format!(" --sdk {}", shell::word(sdk)));
    }
    command
}

//! The tool `file_search`: finds files by name, or by a text in them, below the one folder that an
//! operator names.
//!
//! Everything is opened through the folder that holds it, and links are not followed: nothing that a
//! model asks for, and nothing that lies in the folder, leads out of it. A search ends when it has found
//! enough, looked at enough, or taken long enough, and says so.

mod config;
mod folder;
mod pattern;
mod search;

use config::Config;
use loader_sdk::{OwnRuntime, prelude::*};
use search::{Found, Limits, Search, Wanted};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// How many searches are under way at once; more wait.
const THREADS: usize = 2;

/// What `file_search` takes.
#[arguments]
struct FileSearch {
    /// Finds files that contain this text on one line. Upper and lower case are the same unless there
    /// is an upper-case letter in it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    text: Option<String>,
    /// Finds files whose name contains this, or fits it where it has `*` or `?`: `*.md`. With a `/` it
    /// is compared with the path: `docs/*.md`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    /// Searches only in this folder, such as `docs/guides`, and below it.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    folder: Option<String>,
}

struct Searcher {
    config: Config,
    runtime: OwnRuntime,
}

impl Plugin for Searcher {
    type Config = Config;

    async fn start(_: Host, config: Config) -> Result<Self> {
        if !config.root.is_empty() {
            config.check()?;
        }
        Ok(Self { config, runtime: OwnRuntime::new(THREADS)? })
    }
}

impl Tool for Searcher {
    async fn describe(&self, _: Call) -> Result<ToolDescription> {
        Ok(describe_tool::<FileSearch>(
            "Finds files by their name, by a text in them, or both, and answers with paths and lines.",
        ))
    }

    async fn call(&self, _: Call, request: CallTool) -> Result<ToolAnswer> {
        let FileSearch { text, name, folder } = arguments_of(&request)?;
        if self.config.root.is_empty() {
            return Err(Error::unavailable("not_configured", "no folder is set to be searched")
                .hint("set plugins.entries.file-search.config.root to a folder"));
        }
        let wanted = match Wanted::new(text.as_deref(), name.as_deref()) {
            Some(wanted) => wanted,
            None => return Ok(ToolAnswer::failed("say a `text`, a `name`, or both")),
        };
        let cancelled = CancelOnDrop::default();
        let limits = Limits::new(&self.config, cancelled.0.clone());
        let (root, hidden) = (self.config.root.clone(), self.config.hidden);
        // Reading files blocks, and the plugin's own thread has other calls to answer.
        let found = self.runtime.run(async move {
            let folder = folder.as_deref().unwrap_or_default();
            let start = folder::open(root.as_ref(), folder, hidden)?;
            Ok::<_, folder::Outside>(Search::new(wanted, limits).run(start))
        });
        match found.await? {
            Ok(found) => Ok(answer(&found)),
            Err(outside) => Ok(ToolAnswer::failed(outside.to_string())),
        }
    }
}

/// Tells a search that nobody waits for it any more.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn answer(found: &Found) -> ToolAnswer {
    let matches = found.matches.iter().map(|one| match &one.line {
        Some((number, text)) => json!({ "path": one.path, "line": number, "text": text }),
        None => json!({ "path": one.path }),
    });
    let data = json!({
        "matches": matches.collect::<Vec<_>>(),
        "files": found.files,
        "ended_early": found.ended_early.map(|why| why.to_string()),
    });
    ToolAnswer { data, ..ToolAnswer::done(found.to_string()) }
}

impl Health for Searcher {
    async fn check(&self, _: Call) -> Result<HealthReport> {
        // That nobody set it up is no trouble.
        let is_set = !self.config.root.is_empty();
        Ok(match self.config.check() {
            Err(error) if is_set => HealthReport::fail(error.message()),
            _ => HealthReport::pass(),
        })
    }
}

export_plugin! {
    plugin: Searcher,
    id: "file-search",
    provides: [tool: "file_search", health: "file-search"],
}

//! What `loader run` says once it serves.

use std::path::{Path, PathBuf};

use loader_contract::{http_route, text_inference};
use loader_core::{PluginRecord, Status};
use loader_gateway::Gateway;
use serde_json::{Value, json};

use crate::commands::plugins::nothing_found;
use crate::context::{Context, HOST};
use crate::finding::Finding;
use crate::output::{Answer, harmless, table};
use crate::shell;

/// A gateway that serves.
pub(super) struct Ready<'a> {
    pub(super) url: String,
    pub(super) gateway: &'a Gateway,
    pub(super) token_file: &'a Path,
    pub(super) context: &'a Context,
    /// What there was to say about the plugins.
    pub(super) findings: Vec<Finding>,
}

impl Ready<'_> {
    /// The one line of `--ready-json`.
    pub(super) fn line(&self) -> String {
        format!("{}\n", self.data())
    }

    /// For `--json`: the same, and the plugins.
    pub(super) fn answer(&self) -> Answer {
        let mut data = self.data();
        let snapshot = self.gateway.engine().snapshot();
        data["plugins"] = snapshot.plugins().map(|plugin| json!(**plugin)).collect();
        Answer { text: String::new(), data, warnings: self.findings.clone() }
    }

    fn data(&self) -> Value {
        json!({ "url": self.url, "pid": std::process::id(), "token_file": self.token_file })
    }

    /// For people: the plugins, the address, and what to try.
    pub(super) fn summary(&self) -> String {
        let token_file = self.token_file.display();
        let mut text = format!("{HOST} serves at {}\n\n", self.url);
        text.push_str(&self.plugins());
        text.push_str(&format!("\nToken file  {}\n", harmless(&token_file.to_string())));
        text.push_str("\nTry it:\n");
        for example in self.examples() {
            text.push_str(&format!("  {example}\n"));
        }
        text.push_str(&format!("\nChat        {}\nStop        Ctrl-C\n", self.chat()));
        text
    }

    fn plugins(&self) -> String {
        let snapshot = self.gateway.engine().snapshot();
        let row = |plugin: &PluginRecord| {
            let placement = plugin.placement.map(|placement| placement.name());
            let reason = plugin.diagnostics.iter().find(|diagnostic| diagnostic.is_error());
            let status = match (plugin.status, reason) {
                (Status::Served, _) => "served".to_owned(),
                (Status::Dormant, _) => "dormant".to_owned(),
                (Status::Ready, _) => "ready".to_owned(),
                (Status::Disabled, _) => "disabled".to_owned(),
                (Status::Stopped, _) => "stopped".to_owned(),
                (Status::Failed, None) => "failed".to_owned(),
                (Status::Failed, Some(reason)) => format!("failed: {}", reason.code),
            };
            [
                plugin.id.clone(),
                plugin.version.clone(),
                plugin.provides.join(", "),
                placement.unwrap_or("-").to_owned(),
                status,
            ]
        };
        let rows: Vec<_> = snapshot.plugins().map(|plugin| row(plugin)).collect();
        if rows.is_empty() {
            let nothing = nothing_found(&self.context.roots());
            let hint = nothing.hint.unwrap_or_default();
            return format!("{}\n{hint}\n", harmless(&nothing.message));
        }
        table(["PLUGIN", "VERSION", "PROVIDES", "PLACEMENT", "STATUS"], &rows)
    }

    /// Commands that work when they are pasted into a shell.
    fn examples(&self) -> Vec<String> {
        let token = shell::word(self.token_file);
        let curl = |more: &str, path: &str| {
            format!("curl -H \"Authorization: Bearer $(cat {token})\" {more}{}{path}", self.url)
        };
        let mut examples = vec![curl("", "/health"), curl("", "/v1/models")];
        let snapshot = self.gateway.engine().snapshot();
        let mut routes = snapshot.capabilities(http_route::CONTRACT);
        if let Some(model) = self.default_model() {
            let body = json!({
                "model": model,
                "messages": [{ "role": "user", "content": "Hello" }],
            });
            let body = shell::word(body.to_string());
            let more = format!("-H 'Content-Type: application/json' -d {body} ");
            examples.push(curl(&more, "/v1/chat/completions"));
        } else if let Some(route) = routes.next() {
            let prefix = route.attributes.get("prefix").and_then(Value::as_str);
            let usual = format!("/{}", route.id);
            examples.push(curl("", prefix.unwrap_or(&usual)));
        }
        examples
    }

    /// The default model, if its provider is there.
    fn default_model(&self) -> Option<String> {
        let model = self.gateway.config().models.default.clone();
        let (provider, _) = model.split_once('/')?;
        let snapshot = self.gateway.engine().snapshot();
        snapshot.capability(text_inference::CONTRACT, provider)?;
        Some(model)
    }

    /// How to talk to this gateway, from wherever the command is pasted.
    fn chat(&self) -> String {
        let folder = self.context.unusual_state_dir().map(shell::word);
        let folder = folder.map(|folder| format!("--state-dir {folder} ")).unwrap_or_default();
        match self.default_model() {
            Some(_) => format!("{} chat {folder}Hello", program()),
            None => format!("needs a provider: {} plugins list", program()),
        }
    }
}

/// This program as a shell finds it: by its name if it was started so, and by its path otherwise.
fn program() -> String {
    let name = std::env::args_os().next().map(PathBuf::from);
    match (name, std::env::current_exe()) {
        (Some(name), Ok(path)) if name.components().count() > 1 => shell::word(path),
        _ => "loader".to_owned(),
    }
}

//! Tells models what to keep in mind, before every question.

use loader_sdk::{
    contract::hook::{BeforePromptBuild, PromptChange},
    prelude::*,
};

#[cfg(test)]
mod tests;

struct Reminder;

impl Plugin for Reminder {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Hook for Reminder {
    async fn before_prompt_build(
        &self,
        _: Call,
        request: BeforePromptBuild,
    ) -> Result<PromptChange> {
        Ok(change(&request.model))
    }
}

/// What is added to the prompt of a model. The default changes nothing.
fn change(model: &str) -> PromptChange {
    if model.starts_with("echo/") {
        return PromptChange::default();
    }
    PromptChange {
        system_prompt: Some("Answer in one sentence.".into()),
        ..PromptChange::default()
    }
}

export_plugin! {
    plugin: Reminder,
    id: "{{name}}",
    provides: [hook: "{{name}}"],
}

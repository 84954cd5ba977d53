//! A provider of text. Its one model says what it was told, word by word.

use loader_sdk::{
    contract::text_inference::{Role, code},
    prelude::*,
};

#[cfg(test)]
mod tests;

/// What an operator may set under `plugins.entries.{{name}}.config`.
#[config]
struct Settings {
    /// What every answer begins with.
    opening: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            opening: "You said:".into(),
        }
    }
}

struct Provider {
    settings: Settings,
}

impl Plugin for Provider {
    type Config = Settings;

    async fn start(_: Host, settings: Settings) -> Result<Self> {
        Ok(Self { settings })
    }
}

impl TextInference for Provider {
    async fn models(&self, _: Call) -> Result<ModelList> {
        let model = Model {
            id: MODEL.into(),
            label: "Parrot".into(),
            ..Model::default()
        };
        Ok(ModelList {
            models: vec![model],
        })
    }

    async fn stream(&self, _: Call, request: GenerateRequest, events: Events) -> Result<()> {
        if request.model != MODEL {
            let message = format!("there is no model `{}` here", request.model);
            return Err(Error::not_found(code::MODEL_NOT_FOUND, message));
        }
        for word in answer(&self.settings, &request).split_inclusive(' ') {
            events.text(word).await?;
        }
        events.finish(FinishReason::Stop, None).await
    }
}

/// The only model.
const MODEL: &str = "parrot";

/// The answer to the last thing that the person said.
fn answer(settings: &Settings, request: &GenerateRequest) -> String {
    let mut said = request
        .messages
        .iter()
        .rev()
        .filter(|message| message.role == Role::User);
    let said = said
        .next()
        .map(|message| message.joined_text())
        .unwrap_or_default();
    format!("{} {said}", settings.opening)
}

export_plugin! {
    plugin: Provider,
    id: "{{name}}",
    provides: [text_inference: "{{name}}"],
}

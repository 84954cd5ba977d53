//! A deterministic text provider: the default until a real one is configured, and what tests talk to.
//!
//! Its only model, `echo`, answers with the last user message, word by word when streamed. Tokens
//! are counted as words, so usage is predictable.

use loader_sdk::{contract::text_inference::Role, prelude::*};

struct Echo;

impl Plugin for Echo {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl TextInference for Echo {
    async fn models(&self, _: Call) -> Result<ModelList> {
        let model = Model { id: "echo".into(), label: "Echo".into(), ..Model::default() };
        Ok(ModelList { models: vec![model] })
    }

    async fn stream(&self, _: Call, request: GenerateRequest, events: Events) -> Result<()> {
        if request.model != "echo" {
            return Err(Error::not_found(
                "model_not_found",
                format!("there is no model `{}` here; the only one is `echo`", request.model),
            ));
        }
        let said = request.messages.iter().rev().find(|message| message.role == Role::User);
        let text = said.map(|message| message.joined_text()).unwrap_or_default();
        let limit = request.max_tokens.and_then(|limit| usize::try_from(limit).ok());
        let mut words = 0;
        let mut cut = false;
        for word in text.split_inclusive(' ') {
            if limit.is_some_and(|limit| words >= limit) {
                cut = true;
                break;
            }
            events.text(word).await?;
            words += 1;
        }
        let asked = request.messages.iter().map(|message| message.joined_text());
        let asked = asked.map(|text| text.split_whitespace().count()).sum::<usize>();
        let usage = Usage { input_tokens: asked as u64, output_tokens: words as u64 };
        let reason = if cut { FinishReason::Length } else { FinishReason::Stop };
        events.finish(reason, Some(usage)).await
    }
}

impl Health for Echo {
    async fn check(&self, _: Call) -> Result<HealthReport> {
        Ok(HealthReport::pass())
    }
}

export_plugin! {
    plugin: Echo,
    id: "echo",
    provides: [text_inference: "echo", health: "echo"],
}

// A provider with one model, which says the person's words in the opposite order.

use loader_sdk::{
    contract::text_inference::{Role, code},
    prelude::*,
};

/// The only model.
const MODEL: &str = "backwards";

struct Backwards;

impl Plugin for Backwards {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl TextInference for Backwards {
    async fn models(&self, _: Call) -> Result<ModelList> {
        let model = Model { id: MODEL.into(), label: "Backwards".into(), ..Model::default() };
        Ok(ModelList { models: vec![model] })
    }

    // `generate` puts these pieces together, unless the plugin says otherwise.
    async fn stream(&self, _: Call, request: GenerateRequest, events: Events) -> Result<()> {
        if request.model != MODEL {
            let message = format!("there is no model `{}` here", request.model);
            return Err(Error::not_found(code::MODEL_NOT_FOUND, message));
        }
        let last = request.messages.iter().rfind(|message| message.role == Role::User);
        let said = last.map(|message| message.joined_text()).unwrap_or_default();
        for word in said.split_whitespace().rev() {
            events.text(format!("{word} ")).await?;
        }
        events.finish(FinishReason::Stop, None).await
    }
}

export_plugin! {
    plugin: Backwards,
    id: "backwards",
    provides: [text_inference: "backwards"],
}

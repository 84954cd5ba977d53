// Two hooks: one has a quiet model answer at night, the other says what every model keeps in mind.

use loader_sdk::prelude::*;

struct HouseRules {
    host: Host,
}

impl Plugin for HouseRules {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host })
    }
}

impl Hook for HouseRules {
    async fn before_model_resolve(&self, _: Call, _: BeforeModelResolve) -> Result<ModelOverride> {
        let hour = self.host.now().await?.unix_ms / 3_600_000 % 24;
        // What is left out stays as it is; the default changes nothing.
        let provider = (hour < 6).then(|| "echo".to_owned());
        Ok(ModelOverride { model: provider.clone(), provider })
    }

    async fn before_prompt_build(
        &self,
        _: Call,
        request: BeforePromptBuild,
    ) -> Result<PromptChange> {
        if request.caller != "gateway" {
            return Ok(PromptChange::default());
        }
        let rule = "Answer in one line.".to_owned();
        Ok(PromptChange { system_prompt: Some(rule), ..PromptChange::default() })
    }
}

export_plugin! {
    plugin: HouseRules,
    id: "house-rules",
    provides: [hook: "night", hook: "brevity"],
}

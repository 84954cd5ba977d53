//! A text provider for any OpenAI-compatible server, by base URL and key.
//!
//! This file is the plugin: what it provides and what it remembers between calls. `client` talks to
//! the server, `wire` knows its format, `sse` and `assembly` read its streams, `retry` and `failure`
//! know what to do when it says no.

mod assembly;
mod body;
mod client;
mod config;
mod credentials;
mod failure;
mod retry;
mod sse;
mod wire;

pub use config::Config;

use client::Client;
use loader_sdk::{contract::text_inference::code, prelude::*};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long the server's list of models is taken for true.
const MODELS_LAST: Duration = Duration::from_secs(5 * 60);

/// The plugin.
pub struct OpenAi {
    client: Client,
    models: Mutex<Option<Remembered>>,
}

/// A list of models, and when it was made by the host's monotonic clock.
struct Remembered {
    models: ModelList,
    at: Duration,
}

impl Plugin for OpenAi {
    type Config = Config;

    async fn start(host: Host, config: Config) -> Result<Self> {
        config.check()?;
        info!(base_url = config.base_url, "ready to ask");
        Ok(Self { client: Client::new(host, config), models: Mutex::new(None) })
    }
}

impl TextInference for OpenAi {
    async fn models(&self, _: Call) -> Result<ModelList> {
        let now = Duration::from_nanos(self.client.host.now().await?.monotonic_ns);
        if let Some(models) = self.remembered_models(now) {
            return Ok(models);
        }
        let configured = &self.client.config.models;
        let models = match self.client.models().await {
            Ok(models) => models,
            Err(error) if configured.is_empty() => return Err(error),
            // The server has no list, which will not change soon.
            Err(error) if error.code() == code::MODEL_NOT_FOUND => {
                wire::models::configured(configured)
            }
            Err(error) => {
                debug!(
                    code = error.code(),
                    "showing the configured models instead of the server's"
                );
                return Ok(wire::models::configured(configured));
            }
        };
        let remembered = Remembered { models: models.clone(), at: now };
        *self.models.lock().unwrap_or_else(PoisonError::into_inner) = Some(remembered);
        Ok(models)
    }

    async fn stream(&self, call: Call, request: GenerateRequest, events: Events) -> Result<()> {
        debug!(model = request.model, messages = request.messages.len(), "asked for a stream");
        self.client.stream(&call, request, &events).await
    }

    async fn generate(&self, call: Call, request: GenerateRequest) -> Result<GenerateResponse> {
        debug!(model = request.model, messages = request.messages.len(), "asked for an answer");
        self.client.generate(&call, request).await
    }
}

impl OpenAi {
    fn remembered_models(&self, now: Duration) -> Option<ModelList> {
        let remembered = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = remembered.as_ref().filter(|list| now.saturating_sub(list.at) < MODELS_LAST);
        fresh.map(|list| list.models.clone())
    }
}

impl Health for OpenAi {
    /// Looks at the configuration and at how the last exchange went. Never asks the server.
    async fn check(&self, _: Call) -> Result<HealthReport> {
        let (code, output) = match (self.client.credentials().await, self.client.trouble()) {
            (Err(error), _) => (error.code().to_owned(), error.message().to_owned()),
            (Ok(_), Some(trouble)) => {
                (trouble.code.to_owned(), format!("the last request failed: {}", trouble.message))
            }
            (Ok(_), None) => return Ok(HealthReport::pass()),
        };
        let mut report = HealthReport::warn(output);
        report.details.insert("code".into(), code.into());
        Ok(report)
    }
}

export_plugin! {
    plugin: OpenAi,
    id: "openai",
    provides: [text_inference: "openai", health: "openai"],
}

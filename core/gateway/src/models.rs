//! Models by name: `<provider>/<model>`.

use futures_util::future::join_all;
use loader_abi::class;
use loader_contract::text_inference::{CONTRACT, Model, ModelList, code, method};
use loader_core::{CallOptions, Engine, message::Failure};
use serde::Serialize;
use std::time::Duration;
use tracing::warn;

/// How long a provider may take to list its models.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// One model of one provider.
#[derive(Debug, Clone, Serialize)]
pub struct ListedModel {
    /// `<provider>/<model>`.
    pub id: String,
    /// The provider's capability id.
    pub provider: String,
    /// What the provider says of it.
    #[serde(flatten)]
    pub model: Model,
}

/// Every model of every provider. A provider that does not answer is left out, with a warning.
pub(crate) async fn list(engine: &Engine) -> Vec<ListedModel> {
    let snapshot = engine.snapshot();
    let providers: Vec<String> =
        snapshot.capabilities(CONTRACT).map(|capability| capability.id.clone()).collect();
    let lists = join_all(providers.iter().map(|provider| list_of(engine, provider))).await;
    let mut models = Vec::new();
    for (provider, list) in providers.into_iter().zip(lists) {
        match list {
            Ok(list) => models.extend(list.models.into_iter().map(|model| ListedModel {
                id: format!("{provider}/{}", model.id),
                provider: provider.clone(),
                model,
            })),
            Err(failure) => {
                warn!(provider, code = failure.code, "no list of models: {}", failure.message);
            }
        }
    }
    models
}

async fn list_of(engine: &Engine, provider: &str) -> Result<ModelList, Failure> {
    let target = engine.target(CONTRACT, Some(provider), method::MODELS)?;
    let options = CallOptions::by("gateway").within(LIST_TIMEOUT);
    target.ask(options, &()).await
}

/// Splits a model's name into the provider and the provider's own id of it.
pub(crate) fn split<'a>(engine: &Engine, name: &'a str) -> Result<(&'a str, &'a str), Failure> {
    let snapshot = engine.snapshot();
    let known = name.split_once('/').filter(|(provider, model)| {
        !model.is_empty() && snapshot.capability(CONTRACT, provider).is_some()
    });
    known.ok_or_else(|| {
        let providers: Vec<&str> =
            snapshot.capabilities(CONTRACT).map(|capability| capability.id.as_str()).collect();
        let message = match name.split_once('/') {
            Some((provider, "")) => format!("`{}/` names no model", provider.escape_debug()),
            Some((provider, _)) => format!("there is no provider `{}`", provider.escape_debug()),
            None => format!(
                "`{}` names no provider; a model is named <provider>/<model>",
                name.escape_debug()
            ),
        };
        let hint = match providers.as_slice() {
            [] => "no provider is loaded: loader plugins list".to_owned(),
            providers => format!("providers: {}", providers.join(", ")),
        };
        Failure::new(class::NOT_FOUND, code::MODEL_NOT_FOUND, message).hint(hint)
    })
}

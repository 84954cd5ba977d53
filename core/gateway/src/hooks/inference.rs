//! Before a model is asked: which one, and what it is told.

use super::{Hooks, prompt::Additions, round::Effect};
use loader_contract::{
    hook::{
        AgentStartChange, BeforeAgentStart, BeforeModelResolve, BeforePromptBuild, ModelOverride,
        event,
    },
    text_inference::Message,
};
use loader_core::{CallOptions, message::Failure};
use std::{borrow::Cow, mem};

impl Hooks {
    /// The legacy event, which comes before both of its successors and may do what both may. Returns
    /// the model that is wanted now.
    pub(crate) async fn before_agent_start<'m>(
        &self,
        options: &CallOptions,
        model: Cow<'m, str>,
        messages: &mut Vec<Message>,
        additions: &mut Additions,
    ) -> Result<Cow<'m, str>, Failure> {
        let Some(round) = self.round(event::BEFORE_AGENT_START, options) else { return Ok(model) };
        let mut request = BeforeAgentStart {
            model: model.into_owned(),
            messages: mem::take(messages),
            caller: options.caller.to_string(),
        };
        let shown = round.show(&mut request, |request, change: AgentStartChange| {
            let turned = turn(&mut request.model, change.model);
            match additions.add(&mut request.messages, change.prompt) {
                Effect::None => turned,
                changed => changed,
            }
        });
        shown.await?;
        *messages = request.messages;
        Ok(request.model.into())
    }

    /// Before the model is looked up. Returns the one that is wanted now.
    pub(crate) async fn before_model_resolve<'m>(
        &self,
        options: &CallOptions,
        model: Cow<'m, str>,
    ) -> Result<Cow<'m, str>, Failure> {
        let Some(round) = self.round(event::BEFORE_MODEL_RESOLVE, options) else {
            return Ok(model);
        };
        let caller = options.caller.to_string();
        let mut request = BeforeModelResolve { model: model.into_owned(), caller };
        let take = |request: &mut BeforeModelResolve, change| turn(&mut request.model, change);
        round.show(&mut request, take).await?;
        Ok(request.model.into())
    }

    /// Before the conversation goes to the provider.
    pub(crate) async fn before_prompt_build(
        &self,
        options: &CallOptions,
        model: &str,
        messages: &mut Vec<Message>,
        additions: &mut Additions,
    ) -> Result<(), Failure> {
        let Some(round) = self.round(event::BEFORE_PROMPT_BUILD, options) else { return Ok(()) };
        let mut request = BeforePromptBuild {
            model: model.to_owned(),
            messages: mem::take(messages),
            caller: options.caller.to_string(),
        };
        let shown = round
            .show(&mut request, |request, change| additions.add(&mut request.messages, change));
        shown.await?;
        *messages = request.messages;
        Ok(())
    }
}

/// Puts another provider or another model of it into a name, `<provider>/<model>`.
fn turn(name: &mut String, change: ModelOverride) -> Effect {
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (provider, model) = name.split_once('/').unwrap_or(("", name));
    let provider = said(change.provider).unwrap_or_else(|| provider.to_owned());
    let model = said(change.model).unwrap_or_else(|| model.to_owned());
    let turned = if provider.is_empty() { model } else { format!("{provider}/{model}") };
    match turned == *name {
        true => Effect::None,
        false => {
            *name = turned;
            Effect::Changed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_half_of_a_models_name_can_be_replaced() {
        let turned = |name: &str, provider: Option<&str>, model: Option<&str>| {
            let (provider, model) = (provider.map(str::to_owned), model.map(str::to_owned));
            let mut name = name.to_owned();
            turn(&mut name, ModelOverride { provider, model });
            name
        };
        assert_eq!(turned("one/two/three", None, None), "one/two/three");
        assert_eq!(turned("one/two/three", Some("other"), None), "other/two/three");
        assert_eq!(turned("one/two/three", None, Some("other")), "one/other");
        assert_eq!(turned("one/two", Some("a"), Some("b/c")), "a/b/c");
        assert_eq!(turned("nothing", Some("a"), Some("b")), "a/b");
        assert_eq!(turned("one/two", Some(""), Some("")), "one/two");
    }
}

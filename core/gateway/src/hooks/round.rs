//! Calling the hooks of one event, one after another.

use super::table::{Hook, Table};
use loader_abi::class;
use loader_core::{
    CallOptions,
    message::{Failure, Metadata, Reply},
};
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use std::{sync::Arc, time::Instant};
use tracing::warn;

/// A longer answer is none: what hooks add must still fit into a request.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What a hook's answer did to the request.
pub(super) enum Effect {
    /// Nothing.
    None,
    /// The next hook sees another request.
    Changed,
    /// There is nothing left to ask about.
    Over,
}

/// The hooks of one event, about to be called.
pub(super) struct Round {
    table: Arc<Table>,
    event: &'static str,
    /// Of `custom`: which one.
    name: String,
    /// Who asks for what the hooks take part in.
    asker: Arc<str>,
    /// What goes with each call.
    options: CallOptions,
    /// Whether the hooks only hear of something, which goes on whatever they do.
    tells: bool,
}

impl Round {
    pub(super) fn new(
        table: Arc<Table>,
        event: &'static str,
        options: &CallOptions,
        caller: Arc<str>,
    ) -> Self {
        let asker = options.caller.clone();
        let options = CallOptions {
            caller,
            deadline: options.deadline,
            trace: options.trace,
            idempotency_key: String::new(),
            depth: options.depth,
            // Being asked twice changes nothing: only the answer that is taken counts.
            idempotent: true,
        };
        Self { table, event, name: String::new(), asker, options, tells: false }
    }

    /// Of the hooks of `custom`, those of this name.
    pub(super) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Shows the request to each hook, and makes of it what the hook's answer says. What a plugin asks
    /// for is not shown to that plugin's own hooks, so that asking from within a hook comes to an end.
    pub(super) async fn show<Q, C>(
        &self,
        request: &mut Q,
        mut take: impl FnMut(&mut Q, C) -> Effect,
    ) -> Result<(), Failure>
    where
        Q: Serialize,
        C: DeserializeOwned,
    {
        // Made once, unless a hook changed something.
        let mut body: Option<Vec<u8>> = None;
        for hook in self.table.of(self.event) {
            if *hook.origin == *self.asker || !(hook.name.is_empty() || hook.name == self.name) {
                continue;
            }
            let shown = match &body {
                Some(body) => body.clone(),
                None => body.insert(written(request)?).clone(),
            };
            match self.ask(hook, shown).await {
                Ok(None) => {}
                Ok(Some(change)) => match take(request, change) {
                    Effect::None => {}
                    Effect::Changed => body = None,
                    Effect::Over => return Ok(()),
                },
                Err(failure) if hook.open || self.tells => self.pass_over(hook, &failure),
                Err(failure) => return Err(self.closed(hook, failure)),
            }
        }
        Ok(())
    }

    /// Shows the request to each hook, which can only hear of it: whatever fails is passed over.
    pub(super) async fn tell(self, request: &mut impl Serialize) {
        let round = Self { tells: true, ..self };
        // Nothing of it is left to fail but the writing of the request.
        let _ = round.show(request, |_, _: IgnoredAny| Effect::None).await;
    }

    async fn ask<C: DeserializeOwned>(
        &self,
        hook: &Hook,
        body: Vec<u8>,
    ) -> Result<Option<C>, Failure> {
        let within = Instant::now().checked_add(hook.deadline);
        let deadline = [self.options.deadline, within].into_iter().flatten().min();
        let options = CallOptions { deadline, ..self.options.clone() };
        let read = |reply: Reply| read(&reply.body);
        hook.target.call_and_read(options, Metadata::new(), body, read).await
    }

    fn pass_over(&self, hook: &Hook, failure: &Failure) {
        let Failure { code, message, .. } = failure;
        let (plugin, hook) = (hook.target.plugin(), &hook.id);
        warn!(plugin, hook, event = self.event, code, "the hook is passed over: {message}");
    }

    /// A hook without which there is no going on has failed.
    fn closed(&self, hook: &Hook, failure: Failure) -> Failure {
        let (plugin, event) = (hook.target.plugin(), self.event);
        let message = format!(
            "the hook `{}` of the plugin `{plugin}` failed at `{event}`, and nothing goes on without \
             it: {} ({})",
            hook.id, failure.message, failure.code
        );
        warn!(plugin, hook = hook.id, event, code = failure.code, "{message}");
        let hint = match failure.hint.is_empty() {
            true => format!("loader plugins inspect {plugin}"),
            false => failure.hint,
        };
        Failure {
            class: failure.class,
            retry_after: failure.retry_after,
            origin: hook.origin.clone(),
            ..Failure::new(failure.class, "LDR-HOOK-CLOSED", message).hint(hint)
        }
    }
}

fn written(request: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(request)
        .map_err(|error| Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string()))
}

/// What a hook answers; nothing when it changes nothing.
fn read<C: DeserializeOwned>(answer: &[u8]) -> Result<Option<C>, Failure> {
    let broken = |message| Failure::new(class::INTERNAL, "LDR-HOOK-ANSWER", message);
    match answer {
        b"" | b"null" | b"{}" => Ok(None),
        answer if answer.len() > MAX_ANSWER_BYTES => Err(broken(format!(
            "the hook answered with {} bytes; at most {MAX_ANSWER_BYTES} are taken",
            answer.len()
        ))),
        answer => serde_json::from_slice(answer)
            .map(Some)
            .map_err(|error| broken(format!("the hook's answer makes no sense: {error}"))),
    }
}

//! Speech, by the first provider that can.
//!
//! One that fails before its first piece of sound is followed by the next; what has begun to be heard is
//! not begun anew, so a failure after that ends the speech.

mod providers;
mod service;
mod speaker;

use crate::desk::Desk;
use futures_util::future::join_all;
use loader_abi::class;
use loader_contract::speech::{CONTRACT, Synthesize, Voice, VoiceList, code, method};
use loader_core::{
    CallOptions, Engine,
    message::{Failure, Metadata, from_json},
};
use providers::Candidate;
use speaker::{Begun, Speaker};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{debug, warn};

/// How many reasons are told when every provider failed, and how much of each.
const MOST_REASONS: usize = 8;
const MOST_OF_A_REASON: usize = 200;

/// Asks providers to speak. What the operator, a program and a plugin ask for goes this way.
#[derive(Clone)]
pub(crate) struct Speech {
    desk: Arc<Desk>,
}

// Saying it twice costs twice and does nothing else, so every question is idempotent.
impl Speech {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// Asks one provider after another, until one begins to speak.
    async fn begin(
        &self,
        method: &str,
        options: CallOptions,
        request: &Synthesize,
        body: &[u8],
    ) -> Result<Begun, Failure> {
        if request.text.trim().is_empty() {
            let message = "there is nothing to say";
            return Err(Failure::new(class::INVALID, "LDR-CALL-REQUEST", message));
        }
        let engine = self.desk.engine()?;
        let mut failures = Vec::new();
        for provider in self.candidates(&engine, method)? {
            if options.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(Failure::deadline());
            }
            let speaker = Speaker {
                id: &provider.id,
                target: engine.target(CONTRACT, Some(&provider.id), method)?,
                method,
                patience: self.patience(),
            };
            match speaker.begin(options.clone(), request, body.to_vec()).await {
                Ok(begun) => return Ok(begun),
                Err(failure) => {
                    let (plugin, code) = (&provider.plugin, &failure.code);
                    // That one lacks a voice, or a format, is no trouble of anybody's.
                    match is_of_the_request(&failure) {
                        true => debug!(provider = provider.id, plugin, code, "not by this one"),
                        false => warn!(
                            provider = provider.id,
                            plugin, code, "this one does not speak: {}", failure.message
                        ),
                    }
                    failures.push((provider.id, failure));
                }
            }
        }
        Err(nobody(failures))
    }

    /// Who can be asked for this, in order.
    fn candidates(&self, engine: &Engine, method: &str) -> Result<Vec<Candidate>, Failure> {
        let all = providers::in_order(&engine.snapshot(), &self.desk.config().speech);
        if all.is_empty() {
            // There is none at all, or none that the operator wants.
            engine.target(CONTRACT, None, method)?;
            let message = "no plugin provides what `speech.providers` names";
            return Err(Failure::new(class::NOT_FOUND, "LDR-SPEECH-NONE", message)
                .hint("correct `speech.providers`, or set speech.only = false"));
        }
        if method != method::TELEPHONY {
            return Ok(all);
        }
        let able: Vec<_> = all.into_iter().filter(|one| one.answers(method)).collect();
        match able.is_empty() {
            false => Ok(able),
            true => {
                let message = "no provider speaks for telephones";
                Err(Failure::new(class::UNIMPLEMENTED, code::TELEPHONY_UNSUPPORTED, message)
                    .hint("see what each can do: loader tts providers"))
            }
        }
    }

    /// Every provider's voices. A provider that does not answer is left out, with a warning.
    async fn voices(&self, options: CallOptions) -> Result<Vec<Voice>, Failure> {
        let engine = self.desk.engine()?;
        let mut providers = providers::in_order(&engine.snapshot(), &self.desk.config().speech);
        providers.retain(|one| one.answers(method::VOICES));
        let lists = providers.iter().map(|one| self.voices_of(&engine, &one.id, options.clone()));
        let mut voices = Vec::new();
        for (provider, list) in providers.iter().zip(join_all(lists).await) {
            match list {
                Ok(list) => voices.extend(
                    list.voices
                        .into_iter()
                        .map(|voice| Voice { provider: provider.id.clone(), ..voice }),
                ),
                Err(failure) => warn!(
                    provider = provider.id,
                    plugin = provider.plugin,
                    code = failure.code,
                    "no list of voices: {}",
                    failure.message
                ),
            }
        }
        Ok(voices)
    }

    async fn voices_of(
        &self,
        engine: &Engine,
        provider: &str,
        options: CallOptions,
    ) -> Result<VoiceList, Failure> {
        let target = engine.target(CONTRACT, Some(provider), method::VOICES)?;
        let options = speaker::in_time(options, self.patience());
        from_json(&target.call(options, Metadata::new(), Vec::new()).await?.body)
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.desk.config().speech.timeout_ms)
    }
}

/// Whether the request could not be done by this provider, which is well otherwise.
fn is_of_the_request(failure: &Failure) -> bool {
    failure.class == class::INVALID || failure.code == code::VOICE_NOT_FOUND
}

/// Why nobody speaks. Where it is the request, or there was only one to ask, the last one's own words.
fn nobody(mut failures: Vec<(String, Failure)>) -> Failure {
    let is_the_request = failures.iter().all(|(_, failure)| is_of_the_request(failure));
    if is_the_request || failures.len() == 1 {
        return failures.pop().map_or_else(Failure::deadline, |(_, failure)| failure);
    }
    let reason = |(provider, failure): &(String, Failure)| {
        let message: String = failure.message.chars().take(MOST_OF_A_REASON).collect();
        format!("`{provider}`: {message} ({})", failure.code)
    };
    let mut reasons: Vec<String> = failures.iter().take(MOST_REASONS).map(reason).collect();
    if failures.len() > MOST_REASONS {
        reasons.push(format!("and {} more", failures.len() - MOST_REASONS));
    }
    let hint = failures.into_iter().map(|(_, failure)| failure.hint).find(|it| !it.is_empty());
    let message = format!("no provider speaks: {}", reasons.join("; "));
    Failure::new(class::UNAVAILABLE, "LDR-SPEECH-ALL", message)
        .hint(hint.unwrap_or_else(|| "see who there is: loader tts providers".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(class: u32, code: &str) -> (String, Failure) {
        let failure = Failure::new(class, code, "x".repeat(1000)).hint(format!("mend {code}"));
        (format!("provider-of-{code}"), failure)
    }

    #[test]
    fn why_nobody_speaks_is_told_by_all_and_stays_short() {
        let voice = || failed(class::NOT_FOUND, code::VOICE_NOT_FOUND);
        assert_eq!(nobody(vec![failed(class::INVALID, "a"), voice()]).code, code::VOICE_NOT_FOUND);
        assert_eq!(nobody(vec![failed(class::PANIC, "a")]).code, "a");
        let all = nobody(vec![voice(), failed(class::PANIC, "a")]);
        assert_eq!((&*all.code, &*all.hint), ("LDR-SPEECH-ALL", "mend voice_not_found"));
        assert!(all.message.contains("`provider-of-a`: xxx"), "{}", all.message);
        let many = nobody((0..100).map(|at| failed(class::INTERNAL, &at.to_string())).collect());
        assert!(many.message.ends_with("; and 92 more"), "{}", many.message);
        assert!(many.message.len() < 3000);
    }
}

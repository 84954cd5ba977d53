//! Speech, by the first provider that can.
//!
//! One that fails before its first piece of sound is followed by the next; what has begun to be heard is
//! not begun anew, so a failure after that ends the speech.

mod candidate;
mod service;
mod speaker;

use crate::{
    desk::Desk,
    providers::{Failures, Nobody},
};
use candidate::Candidate;
use futures_util::future::join_all;
use loader_abi::class;
use loader_contract::speech::{CONTRACT, Synthesize, Voice, VoiceList, code, method};
use loader_core::{CallOptions, Engine, message::Failure};
use speaker::{Begun, Speaker};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{debug, warn};

/// When every provider failed.
const NOBODY: Nobody = Nobody {
    code: "LDR-SPEECH-ALL",
    message: "no provider speaks",
    hint: "see who there is: loader tts providers",
    is_of_the_request,
};

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

    /// Asks one provider after another, until one begins to speak; only the one that is named, if one is.
    async fn begin(
        &self,
        method: &str,
        named: Option<&str>,
        options: CallOptions,
        request: &Synthesize,
        body: &[u8],
    ) -> Result<Begun, Failure> {
        if request.text.trim().is_empty() {
            let message = "there is nothing to say";
            return Err(Failure::new(class::INVALID, "LDR-CALL-REQUEST", message));
        }
        let engine = self.desk.engine()?;
        let mut failures = Failures::default();
        for provider in self.candidates(&engine, method, named)? {
            if options.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(Failure::deadline());
            }
            let speaker = Speaker {
                id: &provider.id,
                plugin: &provider.plugin,
                engine: &engine,
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
                    failures.push(&provider.id, plugin, failure);
                }
            }
        }
        Err(failures.together(&NOBODY))
    }

    /// Who can be asked for this, in order.
    fn candidates(
        &self,
        engine: &Engine,
        method: &str,
        named: Option<&str>,
    ) -> Result<Vec<Candidate>, Failure> {
        let all = match named {
            None => self.everybody(engine),
            Some(named) => {
                // Says that there is no such provider.
                engine.target(CONTRACT, Some(named), method)?;
                candidate::in_order(&engine.snapshot(), &[named.to_owned()], true)
            }
        };
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

    /// Whom the operator lets be asked, in order.
    fn everybody(&self, engine: &Engine) -> Vec<Candidate> {
        let config = self.desk.config();
        candidate::in_order(&engine.snapshot(), &config.speech.providers, config.speech.only)
    }

    /// Every provider's voices. A provider that does not answer is left out, with a warning.
    async fn voices(&self, options: CallOptions) -> Result<Vec<Voice>, Failure> {
        let engine = self.desk.engine()?;
        let mut providers = self.everybody(&engine);
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
        target.ask(options, &()).await
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.desk.config().speech.timeout_ms)
    }
}

/// Whether the request could not be done by this provider, which is well otherwise.
fn is_of_the_request(failure: &Failure) -> bool {
    failure.class == class::INVALID || failure.code == code::VOICE_NOT_FOUND
}

//! One exchange after another with the server: ask, read, try again, remember how it went.

use crate::{
    assembly::Assembly,
    body::Body,
    config::Config,
    credentials::Credentials,
    failure::Failure,
    retry::{self, Plan, Situation, plan},
    sse,
    wire::{
        answer::Answer,
        complaint::Complaint,
        models::Models,
        request::{ChatRequest, Delivery, TokenLimit},
    },
};
use loader_sdk::{abi::MAX_BODY_BYTES, chance::scramble, prelude::*, service::http::Request};
use serde::de::DeserializeOwned;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The largest answer that is taken whole.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;
/// The largest complaint that is looked at.
const LARGEST_COMPLAINT: usize = 64 * 1024;
/// The largest event of a stream.
const LARGEST_EVENT: usize = 1024 * 1024;
/// How long to wait for what follows an answer that is complete: usage and the end mark.
const EPILOGUE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a list of models may take: whoever asks for it asks every provider.
const MODELS_TIMEOUT: Duration = Duration::from_secs(10);

/// Talks to one server.
pub(crate) struct Client {
    pub(crate) host: Host,
    pub(crate) config: Config,
    /// Why the last exchange failed; `None` when it did not.
    trouble: Mutex<Option<Trouble>>,
}

/// How the last exchange failed.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// Why an answer was not passed on to its end.
enum Stopped {
    /// The server failed.
    Failed(Failure),
    /// Nobody listens any more.
    Deaf(Error),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Client {
    pub(crate) fn new(host: Host, config: Config) -> Self {
        Self { host, config, trouble: Mutex::new(None) }
    }

    /// Answers piece by piece. Tries again as long as nothing was said.
    pub(crate) async fn stream(
        &self,
        call: &Call,
        request: GenerateRequest,
        events: &Events,
    ) -> Result<()> {
        let credentials = self.credentials().await?;
        let body = self.chat_body(request, Delivery::Streamed, &credentials)?;
        let mut retries = 0;
        loop {
            let mut relay = Relay { events, said_something: false };
            let failure = match self.stream_once(&body, &credentials, &mut relay).await {
                Ok(()) => {
                    self.remember(None);
                    return Ok(());
                }
                Err(Stopped::Deaf(error)) => return Err(error),
                Err(Stopped::Failed(failure)) if relay.said_something => failure.for_good(),
                Err(Stopped::Failed(failure)) => failure,
            };
            self.wait_or_give_up(failure, retries, call, &credentials).await?;
            retries += 1;
        }
    }

    /// Answers whole.
    pub(crate) async fn generate(
        &self,
        call: &Call,
        request: GenerateRequest,
    ) -> Result<GenerateResponse> {
        let credentials = self.credentials().await?;
        let body = self.chat_body(request, Delivery::Whole, &credentials)?;
        let mut retries = 0;
        loop {
            match self.generate_once(&body, &credentials).await {
                Ok(response) => {
                    self.remember(None);
                    return Ok(response);
                }
                Err(failure) => self.wait_or_give_up(failure, retries, call, &credentials).await?,
            }
            retries += 1;
        }
    }

    /// The server's own list of models. Asks once.
    pub(crate) async fn models(&self) -> Result<ModelList> {
        let credentials = self.credentials().await?;
        match self.models_once(&credentials).await {
            Ok(models) => {
                self.remember(None);
                Ok(models)
            }
            Err(failure) => Err(self.give_up(failure, &credentials)),
        }
    }

    /// The credentials, or why there are none.
    pub(crate) async fn credentials(&self) -> Result<Credentials> {
        let fetched = Credentials::fetch(&self.host, &self.config).await;
        fetched.map_err(|failure| failure.into_error(&Credentials::default()))
    }

    /// How the last exchange failed, if it did.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn stream_once(
        &self,
        body: &[u8],
        credentials: &Credentials,
        relay: &mut Relay<'_>,
    ) -> Result<(), Stopped> {
        let mut response = self.post_chat(body, "text/event-stream", credentials).await?;
        let mut assembly = Assembly::default();
        if response.is_json() {
            let answer = read::<Answer>(&response.collect(LARGEST_ANSWER).await?)?;
            relay.pass_on(assembly.take(accept(answer)?)).await?;
            assembly.end();
        } else {
            read_events(&mut response, &mut assembly, relay).await?;
        }
        let finish = assembly.finish().ok_or_else(Failure::cut_off)?;
        relay.pass_on(vec![finish]).await
    }

    async fn generate_once(
        &self,
        body: &[u8],
        credentials: &Credentials,
    ) -> Result<GenerateResponse, Failure> {
        let response = self.post_chat(body, "application/json", credentials).await?;
        let answer = read::<Answer>(&response.collect(LARGEST_ANSWER).await?)?;
        accept(answer)?
            .into_response()
            .ok_or_else(|| Failure::garbled("the answer holds no message"))
    }

    async fn models_once(&self, credentials: &Credentials) -> Result<ModelList, Failure> {
        let request = self.host.http().get(self.config.url("/models"));
        let mut response =
            self.send(request, "application/json", credentials, MODELS_TIMEOUT).await?;
        response.hurry(MODELS_TIMEOUT);
        let models = read::<Models>(&response.collect(LARGEST_ANSWER).await?)?;
        Ok(models.into())
    }

    fn chat_body(
        &self,
        request: GenerateRequest,
        delivery: Delivery,
        credentials: &Credentials,
    ) -> Result<Vec<u8>> {
        let token_limit = if self.config.is_vendors_own() {
            TokenLimit::MaxCompletionTokens
        } else {
            TokenLimit::MaxTokens
        };
        let refuse = |message| Failure::invalid_request(message).into_error(credentials);
        let request = ChatRequest::new(request, delivery, token_limit).map_err(|unknown| {
            refuse(format!("message {} has a part of an unknown kind", unknown.message))
        })?;
        let body = serde_json::to_vec(&request)?;
        if body.len() > MAX_BODY_BYTES {
            return Err(refuse(format!("the request is larger than {MAX_BODY_BYTES} bytes")));
        }
        Ok(body)
    }

    async fn post_chat(
        &self,
        body: &[u8],
        accept: &str,
        credentials: &Credentials,
    ) -> Result<Body, Failure> {
        let request = self.host.http().post(self.config.url("/chat/completions"));
        let request = request.header("content-type", "application/json").body(body);
        self.send(request, accept, credentials, Duration::MAX).await
    }

    /// Sends a request. What it returns has a good status.
    async fn send(
        &self,
        request: Request,
        accept: &str,
        credentials: &Credentials,
        longest: Duration,
    ) -> Result<Body, Failure> {
        let request = credentials.add_to(request.header("accept", accept));
        let request = request.timeout(self.config.request_timeout().min(longest));
        let response = request.stream().await.map_err(|error| Failure::of_request(&error))?;
        let response = Body::new(self.host.clone(), response, self.config.idle_timeout());
        debug!(status = response.status(), "the server began to answer");
        match response.status() {
            200..=299 => Ok(response),
            status => Err(self.refusal(status, response).await),
        }
    }

    /// What a response says whose status is no good one.
    async fn refusal(&self, status: u16, mut response: Body) -> Failure {
        response.hurry(EPILOGUE_TIMEOUT);
        let retry_after = match response.header("retry-after") {
            Some(header) => {
                let now = self.host.now().await.unwrap_or_default();
                retry::retry_after(header, now.unix_ms)
            }
            None => None,
        };
        // Without its sentence the status is still a complaint.
        let body = response.collect(LARGEST_COMPLAINT).await.unwrap_or_default();
        let mut failure = Failure::of_status(status, Complaint::from_body(&body));
        failure.retry_after = retry_after;
        failure
    }

    /// Waits until it is time to try again, or says why not to.
    async fn wait_or_give_up(
        &self,
        failure: Failure,
        retries: u32,
        call: &Call,
        credentials: &Credentials,
    ) -> Result<()> {
        let now = self.host.now().await.unwrap_or_default();
        let situation = Situation {
            transient: failure.transient,
            retry_after: failure.retry_after,
            retries,
            max_retries: self.config.max_retries,
            remaining: call.remaining(),
            chance: scramble(now.monotonic_ns),
        };
        match plan(situation) {
            Plan::GiveUp => Err(self.give_up(failure, credentials)),
            Plan::Retry { after } => {
                let after_ms = after.as_millis();
                info!(code = failure.code(), retries, after_ms, "trying again after a while");
                self.host.sleep(after).await;
                Ok(())
            }
        }
    }

    fn give_up(&self, failure: Failure, credentials: &Credentials) -> Error {
        let (code, concerns_the_server) = (failure.code(), failure.concerns_the_server());
        let error = failure.into_error(credentials);
        debug!(code, "giving up");
        if concerns_the_server {
            self.remember(Some(Trouble { code, message: error.message().to_owned() }));
        }
        error
    }

    fn remember(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Passes events on, and knows whether there were any.
struct Relay<'a> {
    events: &'a Events,
    said_something: bool,
}

impl Relay<'_> {
    async fn pass_on(&mut self, events: Vec<StreamEvent>) -> Result<(), Stopped> {
        for event in events {
            self.said_something = true;
            self.events.send(event).await.map_err(Stopped::Deaf)?;
        }
        Ok(())
    }
}

/// Reads server-sent events up to the end mark or the end of the body.
async fn read_events(
    response: &mut Body,
    assembly: &mut Assembly,
    relay: &mut Relay<'_>,
) -> Result<(), Stopped> {
    let mut parser = sse::Parser::new(LARGEST_EVENT);
    loop {
        let piece = match response.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(()),
            // The answer is complete; a connection that breaks, or goes silent, takes nothing away.
            Err(_) if assembly.has_stopped() => return Ok(()),
            Err(failure) => return Err(failure.into()),
        };
        parser.push(&piece);
        let too_large =
            |_| Failure::garbled(format!("an event is larger than {LARGEST_EVENT} bytes"));
        while let Some(event) = parser.next().map_err(too_large)? {
            match event.data.trim() {
                "" => {}
                "[DONE]" => {
                    assembly.end();
                    return Ok(());
                }
                data if event.name == "error" => {
                    return Err(Failure::of_complaint(Complaint::from_body(data.as_bytes())).into());
                }
                data => {
                    let answer = accept(read(data.as_bytes())?)?;
                    relay.pass_on(assembly.take(answer)).await?;
                }
            }
        }
        if assembly.has_stopped() {
            response.hurry(EPILOGUE_TIMEOUT);
        }
    }
}

/// Reads JSON. What is not JSON, or not what we asked for, is not quoted: it may be anything.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::garbled(format!("the answer makes no sense (line {line}, column {column})"))
    })
}

/// Tells an answer from a complaint that came in its place.
fn accept(answer: Answer) -> Result<Answer, Failure> {
    match answer.error {
        Some(error) => Err(Failure::of_complaint(Complaint::from_value(&error))),
        None => Ok(answer),
    }
}

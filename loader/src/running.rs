//! The gateway that runs with a state folder already, asked over HTTP like by any other client.

mod decoder;
mod pieces;

use std::collections::VecDeque;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use loader_contract::text_inference::{Message, StreamEvent};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use self::decoder::Decoder;
pub(crate) use self::pieces::{Piece, Pieces};
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::Refusal;
use crate::token::Token;

/// What may stand as it is in a path or a query: all but the slash is escaped that is no plain word.
const IN_A_PATH: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// The most of an error's body that is read, in bytes.
const LARGEST_ERROR: usize = 1024 * 1024;

/// A gateway that runs in another process.
pub(crate) struct RunningGateway {
    /// Its address, such as `http://127.0.0.1:7280`.
    pub(crate) url: String,
    token: Token,
}

impl RunningGateway {
    /// The gateway that serves at `url` and knows `token`.
    pub(crate) fn new(url: String, token: Token) -> Self {
        Self { url, token }
    }

    /// Asks for the answer to a conversation of texts, piece by piece. An empty model means the
    /// gateway's default.
    pub(crate) async fn stream(
        &self,
        model: &str,
        messages: &[Message],
    ) -> Result<Events, Finding> {
        let messages: Vec<_> = messages
            .iter()
            .map(|message| json!({ "role": message.role, "content": message.joined_text() }))
            .collect();
        let request = json!({
            "model": model,
            "messages": messages,
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        let request = request.to_string();
        let answer = self.send(Method::POST, "/v1/chat/completions", request).await?;
        match answer.status().is_success() {
            true => {
                let body = answer.into_body();
                Ok(Events { body, decoder: Decoder::default(), ready: VecDeque::new() })
            }
            false => Err(self.refused(answer).await),
        }
    }

    /// Asks for what a contract offers: the method `speech/1/voices`.
    pub(crate) async fn capability(
        &self,
        operation: &str,
        capability: Option<&str>,
        body: String,
    ) -> Result<Pieces, Finding> {
        let encode = |text| percent_encoding::utf8_percent_encode(text, IN_A_PATH);
        let query = capability.map(|id| format!("?id={}", encode(id))).unwrap_or_default();
        let path = format!("/v1/capabilities/{}{query}", encode(operation));
        let answer = self.send(Method::POST, &path, body).await?;
        match answer.status().is_success() {
            true => Ok(Pieces::new(answer)),
            false => Err(self.refused(answer).await),
        }
    }

    /// Asks one of the gateway's own questions, below `/admin`.
    pub(crate) async fn ask(&self, path: &str) -> Result<Value, Finding> {
        self.exchange(Method::GET, path, String::new()).await
    }

    /// Tells the gateway to do something, below `/admin`.
    pub(crate) async fn tell(&self, path: &str, wish: &Value) -> Result<Value, Finding> {
        self.exchange(Method::POST, path, wish.to_string()).await
    }

    async fn exchange(&self, method: Method, path: &str, body: String) -> Result<Value, Finding> {
        let answer = self.send(method, path, body).await?;
        if !answer.status().is_success() {
            return Err(self.refused(answer).await);
        }
        self.json(answer).await
    }

    /// Has the gateway read its configuration again, or only say what that would change.
    pub(crate) async fn apply_config(&self, dry_run: bool) -> Result<Value, Refusal> {
        let request = json!({ "dry_run": dry_run }).to_string();
        let answer = self.send(Method::POST, "/admin/config/apply", request).await?;
        let status = answer.status();
        if !status.is_success() && status != StatusCode::UNPROCESSABLE_ENTITY {
            return Err(self.refused(answer).await.into());
        }
        let answer = self.json(answer).await?;
        let Some(errors) = answer["errors"].as_array() else { return Ok(answer) };
        let errors = errors.iter().filter_map(Finding::from_json).collect();
        Err(Refusal { exit: Exit::Configuration, errors, warnings: Vec::new() })
    }

    async fn json(&self, answer: hyper::Response<Incoming>) -> Result<Value, Finding> {
        let body = answer.into_body().collect().await;
        let body = body.map_err(|error| self.unusable(&error.to_string()))?.to_bytes();
        serde_json::from_slice(&body).map_err(|error| self.unusable(&error.to_string()))
    }

    /// What the gateway says against a request.
    async fn refused(&self, mut answer: hyper::Response<Incoming>) -> Finding {
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(Ok(frame)) = answer.frame().await {
            body.extend(frame.into_data().unwrap_or_default());
            if body.len() > LARGEST_ERROR {
                break;
            }
        }
        let error = serde_json::from_slice(&body).ok().as_ref().and_then(decoder::complaint);
        error.unwrap_or_else(|| self.unusable(&format!("it answered {status}")))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<hyper::Response<Incoming>, Finding> {
        let unusable = |error: &dyn std::error::Error| self.unusable(&error.to_string());
        let authority = self.url.trim_start_matches("http://");
        let stream = TcpStream::connect(authority).await.map_err(|error| unusable(&error))?;
        let connected = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.map_err(|error| unusable(&error))?;
        // It ends when the answer has been read or dropped; what goes wrong shows there.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, authority)
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|error| unusable(&error))?;
        sender.send_request(request).await.map_err(|error| unusable(&error))
    }

    fn unusable(&self, why: &str) -> Finding {
        let message = format!("the gateway at {} cannot be used: {why}", self.url);
        Finding::error("LDR-RUN-UNUSABLE", message)
            .hint("see its log, or start another with `loader run`")
    }
}

/// The pieces of an answer. Dropping it cancels the work on the answer.
pub(crate) struct Events {
    body: Incoming,
    decoder: Decoder,
    ready: VecDeque<Result<StreamEvent, Finding>>,
}

impl Events {
    /// The next piece. `None` comes only after `Finish`; an answer that breaks off is an error.
    pub(crate) async fn next(&mut self) -> Option<Result<StreamEvent, Finding>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.decoder.is_finished() {
                return None;
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    self.ready.extend(self.decoder.decode(&data));
                }
                Some(Err(_)) | None => self.ready.push_back(Err(self.decoder.cut_off())),
            }
        }
    }
}

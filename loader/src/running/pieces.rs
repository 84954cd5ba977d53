//! What comes back from `POST /v1/capabilities/…`, piece by piece.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use serde_json::Value;

use super::decoder::complaint;
use crate::finding::Finding;

/// The longest event that is waited for, in bytes: a message and its encoding.
const LONGEST_EVENT: usize = 4 * 1024 * 1024;

/// One piece of what a plugin or the gateway answers.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A whole answer: JSON.
    Whole(Vec<u8>),
    /// The head of bytes that follow, if they are bytes of a media type, and what the contract says of
    /// them: JSON or nothing.
    Head { media: Option<String>, body: Vec<u8> },
    /// One event of the contract: JSON.
    Event(Vec<u8>),
    /// Bytes, and where they go if the contract says so.
    Data { bytes: Vec<u8>, to: Option<String> },
}

/// An answer on its way. Dropping it cancels the work on it.
pub(crate) struct Pieces {
    body: Incoming,
    form: Form,
    ready: VecDeque<Result<Piece, Finding>>,
    over: bool,
}

enum Form {
    /// JSON, kept until it is whole.
    Whole(Vec<u8>),
    /// Bytes.
    Bytes,
    /// Server-sent events, of which this one is not whole yet.
    Events(Vec<u8>),
}

impl Pieces {
    pub(super) fn new(answer: hyper::Response<Incoming>) -> Self {
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let media = header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let head = header("loader-head");
        let mut ready = VecDeque::new();
        let form = match media.split(';').next().unwrap_or_default() {
            "text/event-stream" => Form::Events(Vec::new()),
            "application/json" if head.is_none() => Form::Whole(Vec::new()),
            _ => {
                let body = head.unwrap_or_default().into_bytes();
                ready.push_back(Ok(Piece::Head { media: Some(media), body }));
                Form::Bytes
            }
        };
        Self { body: answer.into_body(), form, ready, over: false }
    }

    /// The next piece; `None` when that was all. An answer that breaks off is an error.
    pub(crate) async fn next(&mut self) -> Option<Result<Piece, Finding>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                self.over |= piece.is_err();
                return Some(piece);
            }
            if self.over {
                return None;
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.take(&frame.into_data().unwrap_or_default()),
                Some(Err(_)) => self.ready.push_back(Err(cut_off())),
                None => self.end(),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        match &mut self.form {
            Form::Whole(whole) => whole.extend_from_slice(bytes),
            Form::Bytes => {
                self.ready.push_back(Ok(Piece::Data { bytes: bytes.to_vec(), to: None }));
            }
            Form::Events(buffer) => {
                buffer.extend_from_slice(bytes);
                while let Some(length) = buffer.windows(2).position(|end| end == b"\n\n") {
                    let event: Vec<u8> = buffer.drain(..length + 2).collect();
                    match read(&event) {
                        Some(piece) => self.ready.push_back(piece),
                        None => self.over = true,
                    }
                }
                if buffer.len() > LONGEST_EVENT {
                    self.ready.push_back(Err(garbled()));
                }
            }
        }
    }

    /// The connection was closed in good order.
    fn end(&mut self) {
        match &mut self.form {
            Form::Whole(whole) => self.ready.push_back(Ok(Piece::Whole(std::mem::take(whole)))),
            Form::Bytes => {}
            Form::Events(_) => self.ready.push_back(Err(cut_off())),
        }
        self.over = true;
    }
}

/// What an event tells; `None` for the end.
fn read(event: &[u8]) -> Option<Result<Piece, Finding>> {
    let lines = || event.split(|byte| *byte == b'\n');
    let kind = lines().find_map(|line| line.strip_prefix(b"event: ")).unwrap_or_default();
    let data = lines().find_map(|line| line.strip_prefix(b"data: ")).unwrap_or_default();
    let value = || serde_json::from_slice::<Value>(data).unwrap_or_default();
    Some(match kind {
        b"event" => Ok(Piece::Event(data.to_vec())),
        b"head" => Ok(Piece::Head { media: None, body: bytes_of(&value()) }),
        b"data" => {
            let value = value();
            let to = value["metadata"]["to"].as_str().map(str::to_owned);
            Ok(Piece::Data { bytes: bytes_of(&value), to })
        }
        b"error" => Err(complaint(&value()).unwrap_or_else(garbled)),
        b"end" => return None,
        _ => Err(garbled()),
    })
}

fn bytes_of(data: &Value) -> Vec<u8> {
    match (data["text"].as_str(), data["base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(encoded)) => BASE64_STANDARD.decode(encoded).unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

fn cut_off() -> Finding {
    Finding::error("LDR-RUN-CUT-OFF", "the gateway went away before the answer was complete")
        .hint("see the gateway's log")
}

fn garbled() -> Finding {
    Finding::error("LDR-RUN-UNUSABLE", "the gateway's answer makes no sense")
        .hint("update the loader")
}

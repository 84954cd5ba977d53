//! What happened to the server, one JSON line per event, for tests to assert on.
//!
//! Every line has `sequence` (from 1, without gaps), `milliseconds` since the log was opened,
//! `event`, and `exchange`, the number that ties the events of one request together:
//!
//! - `received`: with `model`, `stream`, `authorization` (whether that header was present; its value
//!   is never written), `tools` and `messages` (how many).
//! - `finished`: the response was sent whole; with `status` and `chunks`.
//! - `cut`: the server itself broke the connection off; with `status` and `chunks`.
//! - `disconnected`: the client went away before the response was whole; with `chunks`.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::http::StatusCode;
use serde_json::{Value, json};

/// A log shared by every exchange of one server.
#[derive(Clone)]
pub struct EventLog {
    state: Arc<Mutex<LogState>>,
}

struct LogState {
    writer: Box<dyn Write + Send>,
    opened: Instant,
    sequence: u64,
    exchanges: u64,
}

/// The head of a request, as far as the log tells it.
pub(super) struct Received<'request> {
    pub(super) model: &'request str,
    pub(super) stream: bool,
    pub(super) authorization: bool,
    pub(super) tools: usize,
    pub(super) messages: usize,
}

impl EventLog {
    /// Makes a log that writes each event to `writer` as one line with one call of `write`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        let writer = Box::new(writer);
        let state = LogState { writer, opened: Instant::now(), sequence: 0, exchanges: 0 };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Records a request and opens its exchange.
    pub(super) fn open_exchange(&self, received: &Received<'_>) -> Exchange {
        let number = {
            let mut state = self.state.lock().expect("no panic while it is held");
            state.exchanges += 1;
            state.exchanges
        };
        self.record(
            "received",
            number,
            json!({
                "model": received.model,
                "stream": received.stream,
                "authorization": received.authorization,
                "tools": received.tools,
                "messages": received.messages,
            }),
        );
        Exchange { log: self.clone(), number, status: None, chunks: 0, ended: false }
    }

    fn record(&self, event: &str, exchange: u64, mut details: Value) {
        let mut state = self.state.lock().expect("no panic while it is held");
        state.sequence += 1;
        details["sequence"] = json!(state.sequence);
        details["milliseconds"] = json!(state.opened.elapsed().as_millis());
        details["event"] = json!(event);
        details["exchange"] = json!(exchange);
        let line = format!("{details}\n");
        // A log that cannot be written fails the test that waits for its lines, so that the server
        // need not fail as well.
        let _ = state.writer.write_all(line.as_bytes());
    }
}

/// One request and its response. Dropped before its end, it records that the client went away.
pub(super) struct Exchange {
    log: EventLog,
    number: u64,
    status: Option<StatusCode>,
    chunks: u64,
    ended: bool,
}

impl Exchange {
    /// Notes the status of the response that begins.
    pub(super) fn begin(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Counts a chunk that was handed to the connection.
    pub(super) fn count_chunk(&mut self) {
        self.chunks += 1;
    }

    /// Records that the response is whole.
    pub(super) fn finish(&mut self) {
        self.end("finished");
    }

    /// Records that the server breaks the connection off.
    pub(super) fn cut(&mut self) {
        self.end("cut");
    }

    fn end(&mut self, event: &str) {
        self.ended = true;
        let status = self.status.map(|status| status.as_u16());
        self.log.record(event, self.number, json!({ "status": status, "chunks": self.chunks }));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            self.end("disconnected");
        }
    }
}

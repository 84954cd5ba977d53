//! One open socket: its frames as messages, both ways.

use super::{
    Open,
    frames::{broken, closed_by, frame, goodbye},
};
use crate::{
    message::{Failure, Message, Metadata, Reply},
    services::{
        cause,
        loan::{Ended, Lent},
    },
    stream::End,
};
use futures_util::{
    SinkExt, StreamExt,
    future::poll_fn,
    stream::{SplitSink, SplitStream},
};
use loader_abi::{class, message_kind};
use loader_contract::service::websocket::{Connected, code};
use std::{
    collections::VecDeque,
    future::pending,
    task::{Context, Poll},
};
use tokio_tungstenite::tungstenite::{
    Error, Message as Frame,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

pub(super) struct Session {
    reader: SplitStream<Open>,
    outgoing: Outgoing,
    protocol: String,
    /// How the server closed; what it said then, unless it is usual.
    closed: Option<Result<Option<CloseFrame>, Failure>>,
    /// Whether the plugin said goodbye: what the server says then only repeats it.
    parting: bool,
}

impl Session {
    /// `protocol` is the subprotocol the server chose.
    pub(super) fn new(socket: Open, protocol: String) -> Self {
        let (writer, reader) = socket.split();
        let outgoing = Outgoing { writer, queue: VecDeque::new(), unflushed: false };
        Self { reader, outgoing, protocol, closed: None, parting: false }
    }

    /// Takes what came from the server.
    fn hear(&mut self, read: Option<Result<Frame, Error>>) -> Option<Message> {
        let (kind, body) = match read {
            Some(Ok(Frame::Text(text))) => (message_kind::EVENT, text.as_bytes().to_vec()),
            Some(Ok(Frame::Binary(bytes))) => (message_kind::DATA, bytes.to_vec()),
            // Pings are answered below this level.
            Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => return None,
            Some(Ok(Frame::Close(said))) => {
                let unusual = said.filter(|said| said.code != CloseCode::Normal);
                self.closed = Some(Ok(unusual));
                return None;
            }
            Some(Err(error)) => {
                self.closed = Some(lost(error));
                return None;
            }
            None => {
                self.closed = Some(Ok(None));
                return None;
            }
        };
        Some(Message { kind, metadata: Metadata::new(), body })
    }

    /// Sends what is left and goodbye, and hears the server's: closing before it came could cut off what
    /// was just written.
    async fn say_goodbye(&mut self) -> Result<(), Error> {
        while self.outgoing.is_pending() {
            self.outgoing.advance().await?;
        }
        self.outgoing.writer.close().await?;
        if self.closed.is_none() {
            while let Some(frame) = self.reader.next().await {
                if frame?.is_close() {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Lent for Session {
    type Address = String;

    fn held(name: &str) -> Failure {
        let message = format!("another stream holds the socket `{}`", name.escape_debug());
        let hint = "let go of that stream first, or close its socket";
        Failure::new(class::CONFLICT, code::HELD, message).hint(hint)
    }

    fn head(&self, adopted: bool) -> Result<Reply, Failure> {
        Reply::json(&Connected { protocol: self.protocol.clone(), adopted })
    }

    async fn step(&mut self, reads: bool) -> Option<Message> {
        let reads = reads && self.closed.is_none();
        let sends = self.outgoing.is_pending();
        tokio::select! {
            read = self.reader.next(), if reads => self.hear(read),
            sent = self.outgoing.advance(), if sends => {
                if let Err(error) = sent {
                    self.outgoing.give_up();
                    self.closed.get_or_insert_with(|| lost(error));
                }
                None
            }
            else => pending().await,
        }
    }

    fn queue(&mut self, message: Message) -> Result<(), Failure> {
        self.outgoing.queue.extend(frame(message)?);
        Ok(())
    }

    /// The holder says no more: as it wished, which is said to the server, or because it merely dropped
    /// its sending half; then it may still be reading.
    fn hush(&mut self, end: &End) {
        let goodbye = goodbye(end);
        if goodbye.is_some() || *end == End::Done {
            self.parting = true;
            self.outgoing.queue.push_back(Frame::Close(goodbye));
        }
    }

    fn is_sending(&self) -> bool {
        self.outgoing.is_pending()
    }

    fn is_parting(&self) -> bool {
        self.parting
    }

    fn ended(&self) -> Option<Ended> {
        Some(Ended::Gone(match self.closed.clone()? {
            Ok(Some(said)) if !self.parting => Err(closed_by(said)),
            closed => closed.map(drop),
        }))
    }

    async fn part(mut self) {
        // Nobody is left to be told.
        let _ = self.say_goodbye().await;
    }
}

/// What is still to be sent.
struct Outgoing {
    writer: SplitSink<Open, Frame>,
    queue: VecDeque<Frame>,
    unflushed: bool,
}

impl Outgoing {
    fn is_pending(&self) -> bool {
        !self.queue.is_empty() || self.unflushed
    }

    /// Does the next piece of sending. Dropping the future loses nothing.
    async fn advance(&mut self) -> Result<(), Error> {
        poll_fn(|context| self.poll_advance(context)).await
    }

    fn poll_advance(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.queue.is_empty() {
            let flushed = self.writer.poll_flush_unpin(context);
            self.unflushed = flushed.is_pending();
            return flushed;
        }
        match self.writer.poll_ready_unpin(context) {
            Poll::Ready(Ok(())) => {}
            waits_or_fails => return waits_or_fails,
        }
        let frame = self.queue.pop_front();
        let sent = frame.map_or(Ok(()), |frame| self.writer.start_send_unpin(frame));
        self.unflushed = true;
        Poll::Ready(sent)
    }

    /// Forgets everything: nothing can be sent any more.
    fn give_up(&mut self) {
        self.queue.clear();
        self.unflushed = false;
    }
}

/// How a socket ended that broke off, or was only closed already.
fn lost(error: Error) -> Result<Option<CloseFrame>, Failure> {
    match error {
        Error::ConnectionClosed => Ok(None),
        error => Err(broken(&cause::chain(&error))),
    }
}

//! One open socket: a task that owns it and serves whoever holds it, or nobody.
//!
//! Everything happens in one loop, one thing at a time, so that a change of holders falls between two
//! messages: none is lost, doubled or reordered. What a holder had not read when it went is read by the
//! next one; what it had queued is still sent. While a holder does not read, the server is not read
//! either.

use super::{
    Open,
    frames::{broken, closed_by, frame, goodbye},
};
use crate::{
    message::{Failure, Message, Metadata, Reply},
    services::{cause, names::Reservation},
    stream::{End, Receiver, Refused, Sender},
};
use futures_util::{
    FutureExt, SinkExt, StreamExt,
    future::poll_fn,
    stream::{SplitSink, SplitStream},
};
use loader_abi::message_kind;
use loader_contract::service::websocket::Connected;
use std::{
    collections::VecDeque,
    future::pending,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Sleep, sleep, timeout},
};
use tokio_tungstenite::tungstenite::{
    Error, Message as Frame,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// How long goodbyes may take.
const LINGER: Duration = Duration::from_secs(5);

/// How much is read for a holder that is yet to come.
const ORPHANED_BYTES: usize = 256 * 1024;

type Reader = SplitStream<Open>;
type Writer = SplitSink<Open, Frame>;

/// What a socket can be told.
pub(super) enum Command {
    /// Somebody wants to hold it.
    Claim(Claim),
    /// A generation is gone.
    Release { generation: u64 },
}

/// A wish to hold a socket. When it is granted, the reply is dropped.
pub(super) struct Claim {
    pub(super) url: String,
    pub(super) holder: Holder,
    pub(super) reply: oneshot::Sender<Refusal>,
}

/// Why a wish is not granted.
pub(super) enum Refusal {
    /// Another holds the socket.
    Held,
    /// The socket is closed; the holder is handed back.
    Closed(Box<Holder>),
}

/// Who holds a socket: a plugin's stream.
pub(super) struct Holder {
    pub(super) sender: Sender,
    /// None once nothing more is to come.
    pub(super) receiver: Option<Receiver>,
    pub(super) generation: u64,
    /// How long the socket waits for the next holder.
    pub(super) keep: Duration,
    /// How it ended for the holder; its receiver is dropped when the holder stops waiting.
    pub(super) outcome: oneshot::Sender<Result<(), Failure>>,
}

impl Holder {
    fn has_left(&self) -> bool {
        self.outcome.is_closed() || self.sender.closed().now_or_never().is_some()
    }
}

/// Starts serving a socket to its first holder. One without a name has no other.
pub(super) fn spawn(
    socket: Open,
    url: String,
    protocol: String,
    reservation: Option<Reservation<Command>>,
    holder: Holder,
) {
    let (commands, orders) = mpsc::unbounded_channel();
    if let Some(reservation) = &reservation {
        reservation.announce(commands);
    }
    let (writer, reader) = socket.split();
    let mut session = Session {
        reader,
        writer,
        url,
        protocol,
        reservation,
        unread: VecDeque::new(),
        unread_bytes: 0,
        closed: None,
        outgoing: VecDeque::new(),
        unflushed: false,
        parting: false,
        holder: None,
        orphaned: None,
    };
    session.take_on(holder, false);
    tokio::spawn(session.serve(orders));
}

struct Session {
    reader: Reader,
    writer: Writer,
    url: String,
    protocol: String,
    /// The name; none for a socket without one, or once it is free for another.
    reservation: Option<Reservation<Command>>,
    /// Read from the network and not yet given to a holder.
    unread: VecDeque<Message>,
    unread_bytes: usize,
    /// How the server closed; what it said then, unless it is usual.
    closed: Option<Result<Option<CloseFrame>, Failure>>,
    outgoing: VecDeque<Frame>,
    unflushed: bool,
    /// Whether the plugin said goodbye: what the server says then only repeats it.
    parting: bool,
    holder: Option<Holder>,
    /// When the wait for the next holder is over.
    orphaned: Option<Pin<Box<Sleep>>>,
}

/// What happened next.
enum Happening {
    Read(Option<Result<Frame, Error>>),
    Sent(Result<(), Error>),
    Given(Result<Message, End>),
    Room,
    HolderLeft,
    Expired,
    Ordered(Command),
}

impl Session {
    async fn serve(mut self, mut orders: mpsc::UnboundedReceiver<Command>) {
        while self.deliver().is_continue() {
            let happening = self.next(&mut orders).await;
            if self.handle(happening).is_break() {
                break;
            }
        }
        // The name first: whoever asks for it now gets a socket of its own.
        self.reservation = None;
        orders.close();
        while let Ok(command) = orders.try_recv() {
            if let Command::Claim(claim) = command {
                let _ = claim.reply.send(Refusal::Closed(Box::new(claim.holder)));
            }
        }
        let _ = timeout(LINGER, self.part()).await;
    }

    async fn next(&mut self, orders: &mut mpsc::UnboundedReceiver<Command>) -> Happening {
        let room = match self.holder {
            Some(_) => self.unread.is_empty(),
            None => self.unread_bytes < ORPHANED_BYTES,
        };
        let reads = self.closed.is_none() && room;
        let waits = !self.unread.is_empty();
        let sends = !self.outgoing.is_empty() || self.unflushed;
        let (sender, receiver, outcome) = match &mut self.holder {
            Some(holder) => {
                (Some(&holder.sender), holder.receiver.as_ref(), Some(&mut holder.outcome))
            }
            None => (None, None, None),
        };
        let (writer, outgoing, unflushed) =
            (&mut self.writer, &mut self.outgoing, &mut self.unflushed);
        let advance = poll_fn(|context| poll_send(writer, outgoing, unflushed, context));
        tokio::select! {
            read = self.reader.next(), if reads => Happening::Read(read),
            sent = advance, if sends => Happening::Sent(sent),
            given = or_never(receiver.map(Receiver::receive)), if !sends => Happening::Given(given),
            () = or_never(sender.map(Sender::writable)), if waits => Happening::Room,
            () = or_never(sender.map(Sender::closed)) => Happening::HolderLeft,
            () = or_never(outcome.map(oneshot::Sender::closed)) => Happening::HolderLeft,
            () = or_never(self.orphaned.as_mut()) => Happening::Expired,
            Some(order) = orders.recv() => Happening::Ordered(order),
        }
    }

    fn handle(&mut self, happening: Happening) -> ControlFlow<()> {
        match happening {
            Happening::Read(read) => self.hear(read),
            Happening::Room | Happening::Sent(Ok(())) => {}
            Happening::Sent(Err(error)) => {
                self.outgoing.clear();
                self.unflushed = false;
                let ended = match error {
                    Error::ConnectionClosed => Ok(None),
                    error => Err(broken(&cause::chain(&error))),
                };
                self.closed.get_or_insert(ended);
            }
            Happening::Given(Ok(message)) => match frame(message) {
                Ok(frame) => self.outgoing.extend(frame),
                Err(failure) => return self.dismiss(Err(failure)),
            },
            Happening::Given(Err(end)) => self.mute(&end),
            Happening::HolderLeft => return self.orphan(End::Cancelled),
            Happening::Expired => return ControlFlow::Break(()),
            Happening::Ordered(Command::Claim(claim)) => return self.consider(claim),
            Happening::Ordered(Command::Release { generation }) => {
                if self.holder.as_ref().is_some_and(|holder| holder.generation == generation) {
                    return self.orphan(End::Superseded);
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Takes what came from the server.
    fn hear(&mut self, read: Option<Result<Frame, Error>>) {
        let (kind, body) = match read {
            Some(Ok(Frame::Text(text))) => (message_kind::EVENT, text.as_bytes().to_vec()),
            Some(Ok(Frame::Binary(bytes))) => (message_kind::DATA, bytes.to_vec()),
            // Pings are answered below this level.
            Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => return,
            Some(Ok(Frame::Close(said))) => {
                let unusual = said.filter(|said| said.code != CloseCode::Normal);
                self.closed = Some(Ok(unusual));
                return;
            }
            Some(Err(Error::ConnectionClosed)) | None => {
                self.closed = Some(Ok(None));
                return;
            }
            Some(Err(error)) => {
                self.closed = Some(Err(broken(&cause::chain(&error))));
                return;
            }
        };
        self.unread_bytes += body.len();
        self.unread.push_back(Message { kind, metadata: Metadata::new(), body });
    }

    /// Gives the holder what was read, and, after the last of it, the end.
    fn deliver(&mut self) -> ControlFlow<()> {
        let Some(holder) = &self.holder else {
            return match self.closed {
                Some(_) if self.unread.is_empty() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            };
        };
        while let Some(message) = self.unread.pop_front() {
            let bytes = message.body.len();
            match holder.sender.try_send(message) {
                Ok(()) => self.unread_bytes -= bytes,
                Err(Refused::Full(message)) => {
                    self.unread.push_front(message);
                    return ControlFlow::Continue(());
                }
                Err(Refused::Ended(message) | Refused::TooLarge(message)) => {
                    self.unread.push_front(message);
                    return self.orphan(End::Cancelled);
                }
            }
        }
        let parting = self.parting;
        match &self.closed {
            None => ControlFlow::Continue(()),
            Some(closed) => {
                let outcome = match closed.clone() {
                    Ok(Some(said)) if !parting => Err(closed_by(said)),
                    Ok(_) => Ok(()),
                    Err(failure) => Err(failure),
                };
                self.dismiss(outcome)
            }
        }
    }

    fn take_on(&mut self, holder: Holder, adopted: bool) {
        let connected = Connected { protocol: self.protocol.clone(), adopted };
        if let Ok(head) = Reply::json(&connected) {
            // A holder that left already is noticed next.
            let _ = holder.sender.try_send(Message::head(head.metadata, head.body));
        }
        self.orphaned = None;
        self.holder = Some(holder);
    }

    /// The holder says no more: as it wished, which is said to the server, or because it merely dropped
    /// its sending half; then it may still be reading.
    fn mute(&mut self, end: &End) {
        if let Some(holder) = &mut self.holder {
            holder.receiver = None;
        }
        let goodbye = goodbye(end);
        if goodbye.is_some() || *end == End::Done {
            self.parting = true;
            self.outgoing.push_back(Frame::Close(goodbye));
        }
    }

    /// Decides on a wish to hold the socket.
    fn consider(&mut self, claim: Claim) -> ControlFlow<()> {
        // A holder may have left a moment ago.
        let left = self.holder.as_ref().is_some_and(Holder::has_left);
        let flow = if left { self.orphan(End::Cancelled) } else { ControlFlow::Continue(()) };
        if self.holder.is_some() {
            let _ = claim.reply.send(Refusal::Held);
        } else if flow.is_continue() && claim.url == self.url {
            self.take_on(claim.holder, true);
        } else {
            // The name first: whoever asks for it now gets a socket of its own.
            self.reservation = None;
            let _ = claim.reply.send(Refusal::Closed(Box::new(claim.holder)));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Parts from the holder and waits for the next one, if there is something to wait for.
    fn orphan(&mut self, end: End) -> ControlFlow<()> {
        let Some(mut holder) = self.holder.take() else { return ControlFlow::Continue(()) };
        self.collect(&mut holder);
        holder.sender.end(end);
        for message in holder.sender.take_back().into_iter().rev() {
            // The head was for that holder alone.
            if message.kind != message_kind::HEAD {
                self.unread_bytes += message.body.len();
                self.unread.push_front(message);
            }
        }
        let _ = holder.outcome.send(Ok(()));
        if holder.keep.is_zero() || self.parting || self.reservation.is_none() {
            return ControlFlow::Break(());
        }
        self.orphaned = Some(Box::pin(sleep(holder.keep)));
        ControlFlow::Continue(())
    }

    /// Tells the holder how it ended. Nothing is left but to send what it gave, and goodbye.
    fn dismiss(&mut self, outcome: Result<(), Failure>) -> ControlFlow<()> {
        if let Some(mut holder) = self.holder.take() {
            self.collect(&mut holder);
            // The name is free before the end is seen.
            self.reservation = None;
            let _ = holder.outcome.send(outcome);
        }
        ControlFlow::Break(())
    }

    /// Takes what the holder gave and the loop has not come to yet.
    fn collect(&mut self, holder: &mut Holder) {
        let Some(receiver) = holder.receiver.take() else { return };
        loop {
            match receiver.try_receive() {
                Poll::Ready(Ok(message)) => {
                    if let Ok(frame) = frame(message) {
                        self.outgoing.extend(frame);
                    }
                }
                Poll::Ready(Err(end)) => return self.mute(&end),
                Poll::Pending => return,
            }
        }
    }

    /// Sends what is left and goodbye, and hears the server's: closing before it came could cut off what
    /// was just written.
    async fn part(&mut self) -> Result<(), Error> {
        let (writer, outgoing, unflushed) =
            (&mut self.writer, &mut self.outgoing, &mut self.unflushed);
        while !outgoing.is_empty() || *unflushed {
            poll_fn(|context| poll_send(writer, outgoing, unflushed, context)).await?;
        }
        writer.close().await?;
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

/// Does the next piece of sending. Nothing is lost when nobody polls any more.
fn poll_send(
    writer: &mut Writer,
    outgoing: &mut VecDeque<Frame>,
    unflushed: &mut bool,
    context: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    if outgoing.is_empty() {
        let flushed = writer.poll_flush_unpin(context);
        *unflushed = flushed.is_pending();
        return flushed;
    }
    match writer.poll_ready_unpin(context) {
        Poll::Ready(Ok(())) => {}
        waits_or_fails => return waits_or_fails,
    }
    let sent = outgoing.pop_front().map_or(Ok(()), |frame| writer.start_send_unpin(frame));
    *unflushed = true;
    Poll::Ready(sent)
}

async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

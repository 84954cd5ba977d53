//! One connection: a task that owns the socket and serves whoever holds it, or nobody.
//!
//! Everything happens in one loop, one thing at a time, so that a change of holders falls between
//! two things and never into one: no byte is lost, doubled or reordered. What a holder had not read
//! when it went is read by the next one; what it had queued is still written.

use super::{Address, broken, outgoing::Outgoing};
use crate::{
    message::{Failure, Message, Reply},
    services::{dial::Socket, names::Reservation},
    stream::{End, Receiver, Refused, Sender},
};
use futures_util::FutureExt;
use loader_abi::message_kind;
use loader_contract::service::net::Connected;
use std::{
    future::pending, io, net::SocketAddr, ops::ControlFlow, pin::Pin, task::Poll, time::Duration,
};
use tokio::{
    io::{AsyncReadExt, ReadHalf, WriteHalf},
    sync::{mpsc, oneshot},
    time::{Sleep, sleep, timeout},
};

/// The largest data message.
const MAX_PIECE: usize = 64 * 1024;
/// How much is read for a holder that does not take it, and for one that is yet to come.
const HELD_BYTES: usize = 64 * 1024;
const ORPHANED_BYTES: usize = 256 * 1024;
/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;
/// How long the last bytes may take to be written.
const LINGER: Duration = Duration::from_secs(5);

/// What a connection can be told.
pub(super) enum Command {
    /// Somebody wants to hold it.
    Claim(Claim),
    /// Nobody is to hold it any more.
    Close,
    /// A generation is gone.
    Release { generation: u64 },
}

/// A wish to hold a connection. When it is granted, the reply is dropped.
pub(super) struct Claim {
    pub(super) address: Address,
    pub(super) holder: Holder,
    pub(super) reply: oneshot::Sender<Refusal>,
}

/// Why a wish is not granted.
pub(super) enum Refusal {
    /// Another holds the connection.
    Held,
    /// The connection is closed; the holder is handed back.
    Closed(Box<Holder>),
}

/// Who holds a connection: a plugin's stream.
pub(super) struct Holder {
    pub(super) sender: Sender,
    /// None once nothing more is to come, or can be written.
    pub(super) receiver: Option<Receiver>,
    pub(super) generation: u64,
    /// How long the connection waits for the next holder.
    pub(super) keep: Duration,
    /// How it ended for the holder; its receiver is dropped when the holder stops waiting.
    pub(super) outcome: oneshot::Sender<Result<(), Failure>>,
}

impl Holder {
    fn has_left(&self) -> bool {
        self.outcome.is_closed() || self.sender.closed().now_or_never().is_some()
    }
}

/// Starts serving a connection to its first holder.
pub(super) fn spawn(
    socket: Box<dyn Socket>,
    peer: SocketAddr,
    address: Address,
    reservation: Reservation<Command>,
    holder: Holder,
) {
    let (commands, orders) = mpsc::unbounded_channel();
    reservation.announce(commands);
    let (reader, writer) = tokio::io::split(socket);
    let mut connection = Connection {
        reader,
        writer,
        peer,
        address,
        reservation: Some(reservation),
        unread: Vec::new(),
        hung_up: None,
        outgoing: Outgoing::default(),
        write_error: None,
        holder: None,
        orphaned: None,
    };
    connection.take_on(holder, false);
    tokio::spawn(connection.serve(orders));
}

struct Connection {
    reader: ReadHalf<Box<dyn Socket>>,
    writer: WriteHalf<Box<dyn Socket>>,
    peer: SocketAddr,
    address: Address,
    /// The name; none once it is free for another connection.
    reservation: Option<Reservation<Command>>,
    /// Read from the network and not yet given to a holder.
    unread: Vec<u8>,
    /// How the other side stopped sending.
    hung_up: Option<Result<(), Failure>>,
    outgoing: Outgoing,
    /// Why nothing can be written any more.
    write_error: Option<Failure>,
    holder: Option<Holder>,
    /// When the wait for the next holder is over.
    orphaned: Option<Pin<Box<Sleep>>>,
}

/// What happened next.
enum Happening {
    Read(io::Result<usize>),
    Written(io::Result<()>),
    Given(Result<Message, End>),
    Room,
    HolderLeft,
    Expired,
    Ordered(Command),
}

impl Connection {
    async fn serve(mut self, mut orders: mpsc::UnboundedReceiver<Command>) {
        loop {
            if self.deliver().is_break() {
                break;
            }
            let happening = self.next(&mut orders).await;
            if self.handle(happening).is_break() {
                break;
            }
        }
        // The name first: whoever asks for it now gets a connection of its own.
        self.reservation = None;
        orders.close();
        while let Ok(command) = orders.try_recv() {
            if let Command::Claim(claim) = command {
                let _ = claim.reply.send(Refusal::Closed(Box::new(claim.holder)));
            }
        }
        let _ = timeout(LINGER, self.outgoing.finish(&mut self.writer)).await;
    }

    async fn next(&mut self, orders: &mut mpsc::UnboundedReceiver<Command>) -> Happening {
        let limit = if self.holder.is_some() { HELD_BYTES } else { ORPHANED_BYTES };
        let reads = self.hung_up.is_none() && self.unread.len() < limit;
        if reads && self.unread.capacity() - self.unread.len() < READ_BYTES {
            self.unread.reserve(READ_BYTES);
        }
        let waits = !self.unread.is_empty();
        let writes = self.outgoing.is_pending();
        let (sender, receiver, outcome) = match &mut self.holder {
            Some(holder) => {
                (Some(&holder.sender), holder.receiver.as_ref(), Some(&mut holder.outcome))
            }
            None => (None, None, None),
        };
        tokio::select! {
            read = self.reader.read_buf(&mut self.unread), if reads => Happening::Read(read),
            written = self.outgoing.advance(&mut self.writer), if writes => Happening::Written(written),
            given = or_never(receiver.map(Receiver::receive)), if !writes => Happening::Given(given),
            () = or_never(sender.map(Sender::writable)), if waits => Happening::Room,
            () = or_never(sender.map(Sender::closed)) => Happening::HolderLeft,
            () = or_never(outcome.map(oneshot::Sender::closed)) => Happening::HolderLeft,
            () = or_never(self.orphaned.as_mut()) => Happening::Expired,
            Some(order) = orders.recv() => Happening::Ordered(order),
        }
    }

    fn handle(&mut self, happening: Happening) -> ControlFlow<()> {
        match happening {
            Happening::Read(Ok(0)) => {
                self.hung_up = Some(self.write_error.take().map_or(Ok(()), Err))
            }
            Happening::Read(Ok(_)) | Happening::Room | Happening::Written(Ok(())) => {}
            Happening::Read(Err(error)) => {
                self.hung_up = Some(Err(self.lost(&error)));
            }
            Happening::Written(Err(error)) => {
                let failure = self.lost(&error);
                match &mut self.hung_up {
                    // What the other side said before it went may still be read.
                    None => self.write_error = Some(failure),
                    Some(how) => *how = Err(failure),
                }
                self.outgoing.give_up();
                self.mute();
            }
            Happening::Given(Ok(message)) if message.kind == message_kind::DATA => {
                self.outgoing.push(message.body);
            }
            Happening::Given(Ok(_)) => {}
            Happening::Given(Err(end)) => {
                if end == End::Done {
                    self.outgoing.close();
                }
                self.mute();
            }
            Happening::HolderLeft => return self.orphan(End::Cancelled),
            Happening::Expired => return ControlFlow::Break(()),
            Happening::Ordered(Command::Claim(claim)) => return self.consider(claim),
            Happening::Ordered(Command::Close) => return self.dismiss(Ok(())),
            Happening::Ordered(Command::Release { generation }) => {
                if self.holder.as_ref().is_some_and(|holder| holder.generation == generation) {
                    return self.orphan(End::Superseded);
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Gives the holder what was read, and, after the last of it, the end.
    fn deliver(&mut self) -> ControlFlow<()> {
        let Some(holder) = &self.holder else {
            return match self.hung_up {
                Some(_) if self.unread.is_empty() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            };
        };
        while !self.unread.is_empty() {
            let rest = self.unread.split_off(self.unread.len().min(MAX_PIECE));
            match holder.sender.try_send(Message::data(std::mem::replace(&mut self.unread, rest))) {
                Ok(()) => {}
                Err(Refused::Full(mut message)) => {
                    message.body.append(&mut self.unread);
                    self.unread = message.body;
                    return ControlFlow::Continue(());
                }
                Err(Refused::Ended(mut message) | Refused::TooLarge(mut message)) => {
                    message.body.append(&mut self.unread);
                    self.unread = message.body;
                    return self.orphan(End::Cancelled);
                }
            }
        }
        match &self.hung_up {
            None => {}
            Some(Ok(())) => {
                // The holder may still write. The name is free before the end is seen.
                self.reservation = None;
                holder.sender.end(End::Done);
                if self.outgoing.is_closed()
                    || (holder.receiver.is_none() && !self.outgoing.is_pending())
                {
                    return self.dismiss(Ok(()));
                }
            }
            Some(Err(failure)) => {
                let failure = failure.clone();
                self.reservation = None;
                return self.dismiss(Err(failure));
            }
        }
        ControlFlow::Continue(())
    }

    fn lost(&self, error: &io::Error) -> Failure {
        broken(&format!("the connection to {} broke off: {error}", self.peer))
    }

    fn take_on(&mut self, holder: Holder, adopted: bool) {
        let connected = Connected { peer: self.peer.to_string(), adopted };
        if let Ok(head) = Reply::json(&connected) {
            // A holder that left already is noticed next.
            let _ = holder.sender.try_send(Message::head(head.metadata, head.body));
        }
        self.orphaned = None;
        self.holder = Some(holder);
    }

    /// Stops taking bytes from the holder.
    fn mute(&mut self) {
        if let Some(holder) = &mut self.holder {
            holder.receiver = None;
        }
    }

    /// Decides on a wish to hold the connection.
    fn consider(&mut self, claim: Claim) -> ControlFlow<()> {
        // A holder may have left a moment ago.
        let left = self.holder.as_ref().is_some_and(Holder::has_left);
        let flow = if left { self.orphan(End::Cancelled) } else { ControlFlow::Continue(()) };
        if self.holder.is_some() {
            let _ = claim.reply.send(Refusal::Held);
        } else if flow.is_continue() && claim.address == self.address {
            self.take_on(claim.holder, true);
        } else {
            // The name first: whoever asks for it now gets a connection of its own.
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
        // The head was for that holder alone.
        let bytes = holder.sender.take_back().into_iter();
        let bytes = bytes.filter(|message| message.kind == message_kind::DATA);
        let mut unread: Vec<u8> = bytes.flat_map(|message| message.body).collect();
        unread.append(&mut self.unread);
        self.unread = unread;
        let _ = holder.outcome.send(Ok(()));
        if holder.keep.is_zero() || self.outgoing.is_closing() || self.reservation.is_none() {
            return ControlFlow::Break(());
        }
        self.orphaned = Some(Box::pin(sleep(holder.keep)));
        ControlFlow::Continue(())
    }

    /// Tells the holder how it ended. Nothing is left but to write what it gave.
    fn dismiss(&mut self, outcome: Result<(), Failure>) -> ControlFlow<()> {
        if let Some(mut holder) = self.holder.take() {
            self.collect(&mut holder);
            holder.sender.end(match &outcome {
                Ok(()) => End::Done,
                Err(failure) => End::Failed(failure.clone()),
            });
            let _ = holder.outcome.send(outcome);
        }
        ControlFlow::Break(())
    }

    /// Takes what the holder gave and the loop has not come to yet.
    fn collect(&mut self, holder: &mut Holder) {
        let Some(receiver) = holder.receiver.take() else { return };
        loop {
            match receiver.try_receive() {
                Poll::Ready(Ok(message)) if message.kind == message_kind::DATA => {
                    self.outgoing.push(message.body);
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(end)) => {
                    if end == End::Done {
                        self.outgoing.close();
                    }
                    return;
                }
                Poll::Pending => return,
            }
        }
    }
}

async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}
